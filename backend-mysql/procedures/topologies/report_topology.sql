-- core::Topologies::report_topology, core::workers::check_registration, core::topologies::decide_report
-- p_report is 'running', 'failed' (with p_error) or 'released'. Answers outcome 'accepted', 'unknown_worker', 'stale',
-- 'unknown_topology', 'disabled', or 'not_held' with who has it (NULL: nobody).
CREATE PROCEDURE convoke_report_topology(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_incarnation BIGINT,
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_report VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_error TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_outcome VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin DEFAULT 'accepted';
  DECLARE v_worker_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_incarnation BIGINT;
  DECLARE v_gone TINYINT;
  DECLARE v_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_enabled TINYINT;
  DECLARE v_holder VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_pid BIGINT;
  DECLARE v_error TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_now BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  SELECT status, incarnation, gone INTO v_worker_status, v_incarnation, v_gone
    FROM qtopology_worker WHERE name = p_name LOCK IN SHARE MODE;
  SELECT status, enabled <> 0, worker, pid, error INTO v_status, v_enabled, v_holder, v_pid, v_error
    FROM qtopology_topology WHERE uuid = p_uuid FOR UPDATE;
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  IF v_incarnation IS NULL THEN
    SET v_outcome = 'unknown_worker';
  ELSEIF v_incarnation <> p_incarnation THEN
    SET v_outcome = 'stale';
  ELSEIF v_status IS NULL THEN
    SET v_outcome = 'unknown_topology';
  ELSEIF NOT (v_holder <=> p_name) THEN
    SET v_outcome = 'not_held';
  ELSEIF p_report = 'running' AND v_status <> 'running' AND NOT v_enabled THEN
    SET v_outcome = 'disabled';
  ELSEIF p_report = 'running' THEN
    CALL convoke_change_topology(p_uuid, 'running', v_enabled, v_holder, v_pid, NULL, v_now);
    -- A worker that was taken for dead, and lives, may begin what it had in error: that is to be taken away, too.
    IF v_worker_status IN ('dead', 'unloaded') AND v_gone IS NULL THEN
      UPDATE qtopology_worker SET gone = 1, revision = revision + 1 WHERE name = p_name;
    END IF;
  ELSEIF p_report = 'failed' THEN
    CALL convoke_change_topology(p_uuid, 'error', v_enabled, v_holder, NULL, p_error, v_now);
  ELSE
    CALL convoke_change_topology(p_uuid, IF(v_status = 'error', 'error', 'unassigned'), v_enabled, NULL, NULL, v_error, v_now);
  END IF;
  COMMIT;
  SELECT v_outcome AS outcome, v_holder AS who;
END
