-- Heard of, as core::Workers::ping_worker says; keeps a lead of the old client alive. No result set.
CREATE PROCEDURE qtopology_sp_worker_ping(IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin)
SQL SECURITY INVOKER
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  CALL convoke_hear_of_legacy(p_name, FALSE);
  COMMIT;
END
