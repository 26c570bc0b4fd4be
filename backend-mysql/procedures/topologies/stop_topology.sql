-- core::Topologies::stop_topology
-- Answers as convoke_end_topology says.
CREATE PROCEDURE convoke_stop_topology(
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_command VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_content LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_ttl BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  CALL convoke_end_topology(p_uuid, p_command, p_content, p_ttl, p_now);
END
