-- Writes a row of history with the worker as it stands. No result set.
CREATE PROCEDURE qtopology_sp_add_worker_history(IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin)
SQL SECURITY INVOKER
BEGIN
  INSERT INTO qtopology_worker_history (ts, name, status, lstatus, incarnation)
    SELECT CONVERT_TZ(UTC_TIMESTAMP(6), '+00:00', @@GLOBAL.time_zone),
        name, status, lstatus, incarnation
      FROM qtopology_worker WHERE name = p_name;
END
