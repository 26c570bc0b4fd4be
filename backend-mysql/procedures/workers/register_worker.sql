-- core::Workers::register_worker
-- Answers incarnation.
CREATE PROCEDURE convoke_register_worker(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_incarnation BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  CALL convoke_take_name(p_name, p_now, v_incarnation);
  COMMIT;
  SELECT v_incarnation AS incarnation;
END
