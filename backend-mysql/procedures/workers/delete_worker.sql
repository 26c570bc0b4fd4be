-- core::Workers::delete_worker, core::workers::check_deletable
-- Answers nothing, or outcome 'unknown', 'in_use', or 'not_unloaded' with the status. Nobody gives a topology to a worker that is
-- locked.
CREATE PROCEDURE convoke_delete_worker(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_is_in_use TINYINT DEFAULT 0;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  SELECT status INTO v_status FROM qtopology_worker WHERE name = p_name FOR UPDATE;
  SET v_is_in_use = EXISTS (
    SELECT 1 FROM qtopology_topology FORCE INDEX (ix_convoke_topology_held)
      WHERE worker = p_name AND status IN ('waiting', 'running')
  );
  IF v_status = 'unloaded' AND NOT v_is_in_use THEN
    DELETE FROM qtopology_message WHERE worker = p_name;
    DELETE FROM qtopology_worker WHERE name = p_name;
  END IF;
  COMMIT;
  IF v_status IS NULL THEN
    SELECT 'unknown' AS outcome, NULL AS status;
  ELSEIF v_status <> 'unloaded' THEN
    SELECT 'not_unloaded' AS outcome, v_status AS status;
  ELSEIF v_is_in_use THEN
    SELECT 'in_use' AS outcome, v_status AS status;
  END IF;
END
