-- core::Messages::send_message; with a term also core::leadership::check_leading, under a lock that holds off elections.
-- Answers outcome 'sent' with the id, 'unknown' or 'stale'. The worker is locked against deletion and receiving.
CREATE PROCEDURE convoke_send_message(
  IN p_worker VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_command VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_content MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_ttl BIGINT,
  IN p_term BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_known TINYINT;
  DECLARE v_leading BIGINT;
  DECLARE v_promised BIGINT DEFAULT 0;
  DECLARE v_now BIGINT;
  DECLARE v_outcome VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin DEFAULT 'sent';
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  IF p_term IS NOT NULL THEN
    SELECT IF(holder IS NULL, NULL, term), promised_until_us INTO v_leading, v_promised
      FROM convoke_seat WHERE id = 1 LOCK IN SHARE MODE;
  END IF;
  SELECT 1 INTO v_known FROM qtopology_worker WHERE name = p_worker LOCK IN SHARE MODE;
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  IF v_known IS NULL THEN
    SET v_outcome = 'unknown';
  ELSEIF p_term IS NOT NULL AND NOT (v_leading <=> p_term AND v_now < v_promised) THEN
    SET v_outcome = 'stale';
  ELSE
    INSERT INTO qtopology_message (worker, cmd, content, sent_us, expires_us, created, valid_until)
      VALUES (p_worker, p_command, p_content, v_now, v_now + p_ttl,
        CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
        CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL (v_now + p_ttl) MICROSECOND, '+00:00', @@GLOBAL.time_zone));
  END IF;
  COMMIT;
  SELECT v_outcome AS outcome, CAST(LAST_INSERT_ID() AS SIGNED) AS id;
END
