-- core::Topologies::delete_topology, core::topologies::check_topology_deletable
-- Answers nothing; or outcome 'unknown', or 'in_use' with the status and who has it.
CREATE PROCEDURE convoke_delete_topology(
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_holder VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  SELECT status, worker INTO v_status, v_holder FROM qtopology_topology WHERE uuid = p_uuid FOR UPDATE;
  IF v_status NOT IN ('waiting', 'running') THEN
    DELETE FROM qtopology_topology WHERE uuid = p_uuid;
  END IF;
  COMMIT;
  IF v_status IS NULL THEN
    SELECT 'unknown' AS outcome, NULL AS status, NULL AS who;
  ELSEIF v_status IN ('waiting', 'running') THEN
    SELECT 'in_use' AS outcome, v_status AS status, v_holder AS who;
  END IF;
END
