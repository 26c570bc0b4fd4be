-- core::Topologies::set_topology_pid, core::workers::check_registration
-- Answers outcome 'accepted', 'unknown_worker', 'stale', 'unknown_topology', or 'not_held' with who has it (NULL: nobody).
CREATE PROCEDURE convoke_set_topology_pid(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_incarnation BIGINT,
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_pid BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_outcome VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin DEFAULT 'accepted';
  DECLARE v_incarnation BIGINT;
  DECLARE v_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_enabled TINYINT;
  DECLARE v_holder VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_error TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_now BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  SELECT incarnation INTO v_incarnation FROM qtopology_worker WHERE name = p_name LOCK IN SHARE MODE;
  SELECT status, enabled <> 0, worker, error INTO v_status, v_enabled, v_holder, v_error
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
  ELSE
    CALL convoke_change_topology(p_uuid, v_status, v_enabled, v_holder, p_pid, v_error, v_now);
  END IF;
  COMMIT;
  SELECT v_outcome AS outcome, v_holder AS who;
END
