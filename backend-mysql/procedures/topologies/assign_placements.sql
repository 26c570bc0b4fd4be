-- Part of a step that holds the seat: assigns several, one after the other, so that the messages keep their order. The workers are
-- locked first, then the topologies by their ids, so that two such steps wait for each other only one way.
-- Answers what convoke_assign_topology answers for each, with commas between.
CREATE PROCEDURE convoke_assign_placements(
  IN p_placements LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_command VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_ttl BIGINT,
  IN p_now BIGINT,
  OUT p_answers LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_locked INT;
  DECLARE v_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_worker VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_content VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_answer VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_worker_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_done TINYINT DEFAULT 0;
  DECLARE c_placements CURSOR FOR
    SELECT topology, worker, content FROM JSON_TABLE(p_placements, '$[*]' COLUMNS (
      topology VARCHAR(100) CHARACTER SET utf8mb4 PATH '$.topology',
      worker VARCHAR(100) CHARACTER SET utf8mb4 PATH '$.worker',
      content VARCHAR(1000) CHARACTER SET utf8mb4 PATH '$.content'
    )) AS given;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_done = 1;

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

  SET p_answers = '';
  OPEN c_placements;
  each_placement: LOOP
    FETCH c_placements INTO v_uuid, v_worker, v_content;
    IF v_done THEN
      LEAVE each_placement;
    END IF;
    SET v_worker_status = (SELECT status FROM qtopology_worker WHERE name = v_worker LOCK IN SHARE MODE);
    CALL convoke_assign_topology(v_uuid, v_worker, v_worker_status, p_command, v_content, p_ttl, p_now, v_answer);
    SET p_answers = CONCAT(p_answers, IF(p_answers = '', '', ','), v_answer);
  END LOOP;
  CLOSE c_placements;
END
