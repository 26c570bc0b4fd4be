-- Part of a step: writes a row of history with the topology as it stands.
CREATE PROCEDURE convoke_record_topology(
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  INSERT INTO qtopology_topology_history
      (ts, uuid, status, worker, weight, worker_affinity, affinity, error, enabled, pid, at_us)
    SELECT CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL p_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
        uuid, status, worker, weight, worker_affinity, affinity, error, enabled, pid, p_now
      FROM qtopology_topology WHERE uuid = p_uuid;
END
