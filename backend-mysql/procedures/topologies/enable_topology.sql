-- core::Topologies::enable_topology
-- Answers as convoke_switch_topology says.
CREATE PROCEDURE convoke_enable_topology(
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  CALL convoke_switch_topology(p_uuid, 1, p_now);
END
