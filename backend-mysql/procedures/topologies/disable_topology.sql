-- core::Topologies::disable_topology
-- Answers as convoke_switch_topology says.
CREATE PROCEDURE convoke_disable_topology(
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  CALL convoke_switch_topology(p_uuid, 0, p_now);
END
