-- What core's Topologies::stop_topology and kill_topology do: disables the topology, and tells the worker that has it.
-- Answers outcome 'unknown'; or 'done' with who was told (NULL: nobody).
CREATE PROCEDURE convoke_end_topology(
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_command VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_content LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_ttl BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_enabled TINYINT;
  DECLARE v_holder VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_pid BIGINT;
  DECLARE v_error TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_worker_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_now BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  CALL convoke_hold_topology(p_uuid, v_status, v_enabled, v_holder, v_pid, v_error, v_worker_status);
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  IF v_status IS NOT NULL THEN
    CALL convoke_change_topology(p_uuid, v_status, 0, v_holder, v_pid, v_error, v_now);
    IF v_worker_status IS NOT NULL THEN
      CALL convoke_tell_worker(v_holder, p_command, p_content, p_ttl, v_now);
    END IF;
  END IF;
  COMMIT;
  SELECT IF(v_status IS NULL, 'unknown', 'done') AS outcome, IF(v_worker_status IS NULL, NULL, v_holder) AS who;
END
