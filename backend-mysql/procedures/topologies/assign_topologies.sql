-- core::Topologies::assign_topologies, core::topologies::decide_assignment
-- p_placements is a JSON array of objects: topology, worker, and content, the message that tells the worker. Answers outcome
-- 'stale'; or 'done' with the answers, a JSON array with an array for each placement: 'assigned', 'unknown_topology',
-- 'unknown_worker', 'in_error' or 'disabled', 'held' and by whom, 'not_alive' and the status. Locks the seat (which holds off
-- elections), then the workers, then the topologies by their ids.
CREATE PROCEDURE convoke_assign_topologies(
  IN p_term BIGINT,
  IN p_placements LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_count INT,
  IN p_command VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_ttl BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
assign: BEGIN
  DECLARE v_now BIGINT;
  DECLARE v_leading BIGINT;
  DECLARE v_promised BIGINT DEFAULT 0;
  DECLARE v_locked INT;
  DECLARE v_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_worker VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_content LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_answers LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin DEFAULT '';
  DECLARE v_answer TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_done TINYINT DEFAULT 0;
  DECLARE c_placements CURSOR FOR
    SELECT topology, worker, content FROM JSON_TABLE(p_placements, '$[*]' COLUMNS (
      topology VARCHAR(100) CHARACTER SET utf8mb4 PATH '$.topology',
      worker VARCHAR(100) CHARACTER SET utf8mb4 PATH '$.worker',
      content LONGTEXT CHARACTER SET utf8mb4 PATH '$.content'
    )) AS given;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_done = 1;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  SELECT IF(holder IS NULL, NULL, term), promised_until_us INTO v_leading, v_promised
    FROM convoke_seat WHERE id = 1 LOCK IN SHARE MODE;
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  IF NOT (v_leading <=> p_term AND v_now < v_promised) THEN
    ROLLBACK;
    SELECT 'stale' AS outcome, NULL AS answers;
    LEAVE assign;
  END IF;
  -- A single one is locked in this order below.
  IF p_count > 1 THEN
    SELECT COUNT(*) INTO v_locked FROM (
        SELECT DISTINCT CONVERT(worker USING utf8mb4) COLLATE utf8mb4_nopad_bin AS name
          FROM JSON_TABLE(p_placements, '$[*]' COLUMNS (worker VARCHAR(100) CHARACTER SET utf8mb4 PATH '$.worker')) AS given
      ) AS wanted
      STRAIGHT_JOIN qtopology_worker AS w FORCE INDEX (ux_convoke_worker_name) ON w.name = wanted.name
      LOCK IN SHARE MODE;
    SELECT COUNT(*) INTO v_locked FROM (
        SELECT CONVERT(topology USING utf8mb4) COLLATE utf8mb4_nopad_bin AS uuid
          FROM JSON_TABLE(p_placements, '$[*]' COLUMNS (topology VARCHAR(100) CHARACTER SET utf8mb4 PATH '$.topology')) AS given
          ORDER BY uuid LIMIT 1000
      ) AS wanted
      STRAIGHT_JOIN qtopology_topology AS t FORCE INDEX (ux_convoke_topology_uuid) ON t.uuid = wanted.uuid
      FOR UPDATE;
  END IF;

  OPEN c_placements;
  each_placement: LOOP
    FETCH c_placements INTO v_uuid, v_worker, v_content;
    IF v_done THEN
      LEAVE each_placement;
    END IF;
    CALL convoke_assign_topology(v_uuid, v_worker, p_command, v_content, p_ttl, v_now, v_answer);
    SET v_answers = CONCAT(v_answers, IF(v_answers = '', '', ','), v_answer);
  END LOOP;
  CLOSE c_placements;
  COMMIT;
  SELECT 'done' AS outcome, CONCAT('[', v_answers, ']') AS answers;
END
