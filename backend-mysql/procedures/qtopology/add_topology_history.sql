-- Writes a row of history with the topology as it stands. No result set.
CREATE PROCEDURE qtopology_sp_add_topology_history(IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin)
SQL SECURITY INVOKER
BEGIN
  INSERT INTO qtopology_topology_history (ts, uuid, status, worker, weight, worker_affinity, error, enabled, pid)
    SELECT CONVERT_TZ(UTC_TIMESTAMP(6), '+00:00', @@GLOBAL.time_zone),
        uuid, status, worker, weight, worker_affinity, error, enabled, pid
      FROM qtopology_topology WHERE uuid = p_uuid;
END
