-- Registers as core::Topologies::register_topology does; the affinity is the comma-joined list. No result set.
CREATE PROCEDURE qtopology_sp_register_topology(
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_config LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_weight DOUBLE,
  IN p_worker_affinity TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_is_new TINYINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  CALL convoke_keep_topology(p_uuid, p_config, p_weight, p_worker_affinity, NULL, NULL, v_is_new);
  COMMIT;
END
