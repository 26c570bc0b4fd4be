-- New: disabled and unassigned. Known: config, weight and affinity are replaced, the rest is kept. No result set.
CREATE PROCEDURE qtopology_sp_register_topology(
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_config LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_weight FLOAT,
  IN p_worker_affinity TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin
)
SQL SECURITY INVOKER
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  INSERT INTO qtopology_topology (uuid, config, status, worker, weight, worker_affinity, last_ping, error, enabled)
    VALUES (p_uuid, p_config, 'unassigned', NULL, p_weight, p_worker_affinity,
      CONVERT_TZ(UTC_TIMESTAMP(6), '+00:00', @@GLOBAL.time_zone), NULL, 0)
    ON DUPLICATE KEY UPDATE config = p_config, weight = p_weight, worker_affinity = p_worker_affinity;
  CALL qtopology_sp_add_topology_history(p_uuid);
  COMMIT;
END
