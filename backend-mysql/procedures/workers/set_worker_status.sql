-- core::Workers::set_worker_status
-- Answers nothing, or outcome 'unknown' or 'stale'.
CREATE PROCEDURE convoke_set_worker_status(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_incarnation BIGINT,
  IN p_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_holder VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_incarnation BIGINT;
  DECLARE v_outcome VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_now BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  SELECT holder INTO v_holder FROM convoke_seat WHERE id = 1 FOR UPDATE;
  SELECT status, incarnation INTO v_status, v_incarnation FROM qtopology_worker WHERE name = p_name FOR UPDATE;
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  IF v_status IS NULL THEN
    SET v_outcome = 'unknown';
  ELSEIF p_incarnation <> v_incarnation THEN
    SET v_outcome = 'stale';
  ELSE
    IF p_incarnation IS NOT NULL THEN
      UPDATE qtopology_worker
        SET last_ping_us = v_now,
          last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
          revision = revision + 1
        WHERE name = p_name;
    END IF;
    IF p_status <> v_status THEN
      UPDATE qtopology_worker
        SET status = p_status, lstatus = '', candidacy_us = NULL, revision = revision + 1
        WHERE name = p_name;
      IF v_holder = p_name THEN
        UPDATE convoke_seat SET holder = NULL WHERE id = 1;
      END IF;
      CALL convoke_record_worker(p_name, '', v_now);
    END IF;
  END IF;
  COMMIT;
  IF v_outcome IS NOT NULL THEN
    SELECT v_outcome AS outcome;
  END IF;
END
