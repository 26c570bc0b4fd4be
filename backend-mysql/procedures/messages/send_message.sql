-- core::Messages::send_message; with a term also core::leadership::check_leading, under a lock that holds off elections.
-- Answers the id alone, since each column costs; or no id (NULL) and outcome 'unknown' or 'stale'. The worker is locked against
-- deletion and receiving by the INSERT itself, which without a term is the whole transaction.
CREATE PROCEDURE convoke_send_message(
  IN p_worker VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_command VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_content LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_ttl BIGINT,
  IN p_term BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
send: BEGIN
  DECLARE v_now BIGINT DEFAULT COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  DECLARE v_created DATETIME(6);
  DECLARE v_leading BIGINT;
  DECLARE v_promised BIGINT DEFAULT 0;
  -- The name of a worker that does not exist is NULL, which the column refuses.
  DECLARE EXIT HANDLER FOR 1048
  BEGIN
    ROLLBACK;
    SELECT CAST(NULL AS SIGNED) AS id, 'unknown' AS outcome;
  END;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  IF p_term IS NOT NULL THEN
    START TRANSACTION;
    SELECT IF(holder IS NULL, NULL, term), promised_until_us INTO v_leading, v_promised
      FROM convoke_seat WHERE id = 1 LOCK IN SHARE MODE;
    SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
    IF NOT (v_leading <=> p_term AND v_now < v_promised) THEN
      SELECT CAST(NULL AS SIGNED) AS id, IF(COUNT(*) = 0, 'unknown', 'stale') AS outcome FROM qtopology_worker WHERE name = p_worker;
      ROLLBACK;
      LEAVE send;
    END IF;
  END IF;
  SET v_created = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone);
  INSERT INTO qtopology_message (worker, cmd, content, sent_us, expires_us, created, valid_until)
    VALUES ((SELECT name FROM qtopology_worker WHERE name = p_worker LOCK IN SHARE MODE), p_command, p_content,
      v_now, v_now + p_ttl, v_created, v_created + INTERVAL p_ttl MICROSECOND);
  IF p_term IS NOT NULL THEN
    COMMIT;
  END IF;
  SELECT CAST(LAST_INSERT_ID() AS SIGNED) AS id;
END
