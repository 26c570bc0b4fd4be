-- Part of a step that holds the topology: how it stands from now on. What changes nothing writes nothing; else there is a row of
-- history. The time counts anew when the status or the worker is another one (core's Topology::assigned and its siblings).
CREATE PROCEDURE convoke_change_topology(
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_enabled TINYINT,
  IN p_worker VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_pid BIGINT,
  IN p_error TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  -- Assignments are made from left to right: the time is judged by what was before.
  UPDATE qtopology_topology
    SET since_us = IF(status = p_status AND worker <=> p_worker, since_us, p_now),
      last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL p_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
      status = p_status, enabled = p_enabled, worker = p_worker, pid = p_pid, error = p_error, revision = revision + 1
    WHERE uuid = p_uuid AND NOT (
      status = p_status AND (enabled <> 0) = p_enabled AND worker <=> p_worker AND pid <=> p_pid AND error <=> p_error
    );
  IF ROW_COUNT() = 1 THEN
    CALL convoke_record_topology(p_uuid, p_now);
  END IF;
END
