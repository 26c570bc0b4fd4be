-- core::Topologies::clear_topology_error, core's Topology::cleared
-- Answers outcome 'unknown'; 'not_in_error' with the status as who; or 'done' with who was told to start it (NULL: nobody).
CREATE PROCEDURE convoke_clear_topology_error(
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_command VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_content LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_ttl BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_outcome VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin DEFAULT 'done';
  DECLARE v_who VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
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
  IF v_status IS NULL THEN
    SET v_outcome = 'unknown';
  ELSEIF v_status <> 'error' THEN
    SET v_outcome = 'not_in_error', v_who = v_status;
  ELSEIF v_worker_status <=> 'alive' AND v_enabled THEN
    SET v_who = v_holder;
    CALL convoke_change_topology(p_uuid, 'waiting', v_enabled, v_holder, NULL, NULL, v_now);
    CALL convoke_tell_worker(v_holder, p_command, p_content, p_ttl, v_now);
  ELSE
    CALL convoke_change_topology(p_uuid, 'unassigned', v_enabled, NULL, NULL, NULL, v_now);
  END IF;
  COMMIT;
  SELECT v_outcome AS outcome, v_who AS who;
END
