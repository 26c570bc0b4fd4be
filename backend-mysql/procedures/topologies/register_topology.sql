-- core::Topologies::register_topology
-- Answers outcome 'created' or 'replaced'.
CREATE PROCEDURE convoke_register_topology(
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_config LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_weight DOUBLE,
  IN p_worker_affinity TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_affinity LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_now BIGINT
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
  CALL convoke_keep_topology(p_uuid, p_config, p_weight, p_worker_affinity, p_affinity, p_now, v_is_new);
  COMMIT;
  SELECT IF(v_is_new, 'created', 'replaced') AS outcome;
END
