-- Part of a step that holds the seat and assigns several: locks the workers, then the topologies by their ids, so that two such steps
-- wait for each other only one way.
CREATE PROCEDURE convoke_lock_placements(IN p_placements LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_locked INT;

  SELECT COUNT(*) INTO v_locked FROM (
      SELECT DISTINCT CONVERT(worker USING utf8mb4) COLLATE utf8mb4_nopad_bin AS name
        FROM JSON_TABLE(p_placements, '$[*]' COLUMNS (worker VARCHAR(100) CHARACTER SET utf8mb4 PATH '$.worker')) AS given
    ) AS wanted
    STRAIGHT_JOIN qtopology_worker AS w FORCE INDEX (PRIMARY) ON w.name = wanted.name
    LOCK IN SHARE MODE;
  SELECT COUNT(*) INTO v_locked FROM (
      SELECT CONVERT(topology USING utf8mb4) COLLATE utf8mb4_nopad_bin AS uuid
        FROM JSON_TABLE(p_placements, '$[*]' COLUMNS (topology VARCHAR(100) CHARACTER SET utf8mb4 PATH '$.topology')) AS given
        ORDER BY uuid LIMIT 1000
    ) AS wanted
    STRAIGHT_JOIN qtopology_topology AS t FORCE INDEX (PRIMARY) ON t.uuid = wanted.uuid
    FOR UPDATE;
END
