-- Writes a row of history with the topology as it stands. No result set.
CREATE PROCEDURE qtopology_sp_add_topology_history(IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin)
SQL SECURITY INVOKER
BEGIN
  CALL convoke_record_topology(p_uuid, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
END
