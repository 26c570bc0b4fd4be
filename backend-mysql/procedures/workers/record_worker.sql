-- Part of a step: writes a row of history with the worker as it stands, in the given role.
CREATE PROCEDURE convoke_record_worker(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_role VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  INSERT INTO qtopology_worker_history (ts, name, status, lstatus, at_us, incarnation)
    SELECT CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL p_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
        name, status, p_role, p_now, incarnation
      FROM qtopology_worker WHERE name = p_name;
END
