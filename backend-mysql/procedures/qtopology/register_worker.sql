-- Registers as core::Workers::register_worker does. No result set.
CREATE PROCEDURE qtopology_sp_register_worker(IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_incarnation BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  CALL convoke_take_name(p_name, NULL, v_incarnation);
  COMMIT;
END
