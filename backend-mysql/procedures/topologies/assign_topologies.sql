-- core::Topologies::assign_topologies, core::topologies::decide_assignment
-- A single placement comes as p_topology, p_worker and p_content, the message that tells the worker; several come as p_placements, a
-- JSON array of objects of these, since reading JSON costs more than the rest of the step. Answers nothing when a single one is
-- assigned; else outcome 'stale', or 'done' with the answers, a JSON array with an array for each: 'assigned', 'unknown_topology',
-- 'unknown_worker', 'in_error' or 'disabled'; 'held' and by whom; 'not_alive' and the status. Locks the seat (which holds off
-- elections), then the workers, then the topologies. No part is a procedure of its own, because each call would cost as much as a
-- statement.
CREATE PROCEDURE convoke_assign_topologies(
  IN p_term BIGINT,
  IN p_topology VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_worker VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_content VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_placements LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_command VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_ttl BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
assign: BEGIN
  DECLARE v_now BIGINT;
  DECLARE v_at DATETIME(6);
  DECLARE v_promised BIGINT;
  DECLARE v_worker_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_answer VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_answers LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin DEFAULT '';
  DECLARE v_done TINYINT DEFAULT 0;
  -- In the order in which they are given, which is that of the messages.
  DECLARE c_placements CURSOR FOR
    SELECT topology, worker, content FROM JSON_TABLE(p_placements, '$[*]' COLUMNS (
      topology VARCHAR(100) CHARACTER SET utf8mb4 PATH '$.topology',
      worker VARCHAR(100) CHARACTER SET utf8mb4 PATH '$.worker',
      content VARCHAR(1000) CHARACTER SET utf8mb4 PATH '$.content'
    )) AS given;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_done = 1;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  -- One statement locks the seat, then the worker of a single placement.
  SELECT s.promised_until_us, w.status INTO v_promised, v_worker_status
    FROM convoke_seat AS s LEFT JOIN qtopology_worker AS w ON w.name = p_worker
    WHERE s.id = 1 AND s.term = p_term AND s.holder IS NOT NULL
    LOCK IN SHARE MODE;
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  IF v_promised IS NULL OR v_promised <= v_now THEN
    ROLLBACK;
    SELECT 'stale' AS outcome, NULL AS answers;
    LEAVE assign;
  END IF;
  SET v_at = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone);
  IF p_placements IS NOT NULL THEN
    CALL convoke_lock_placements(p_placements);
    SET v_done = 0;
    OPEN c_placements;
  END IF;

  each_placement: LOOP
    IF p_placements IS NOT NULL THEN
      FETCH c_placements INTO p_topology, p_worker, p_content;
      IF v_done THEN
        LEAVE each_placement;
      END IF;
      SET v_worker_status = (SELECT status FROM qtopology_worker WHERE name = p_worker LOCK IN SHARE MODE);
    END IF;
    -- The first statement decides for all that is in order. When it found nothing to write, the topology is locked and looked at: it
    -- is refused; only what came to be free between the two is assigned by a second turn.
    decide: LOOP
      UPDATE qtopology_topology
        SET since_us = v_now, last_ping = v_at, status = 'waiting', worker = p_worker, pid = NULL, error = NULL, revision = revision + 1
        WHERE uuid = p_topology AND worker IS NULL AND status <> 'error' AND enabled <> 0 AND v_worker_status = 'alive';
      IF ROW_COUNT() = 1 THEN
        INSERT INTO qtopology_topology_history
            (ts, uuid, status, worker, weight, worker_affinity, affinity, error, enabled, pid, at_us)
          SELECT last_ping, uuid, status, worker, weight, worker_affinity, affinity, error, enabled, pid, since_us
            FROM qtopology_topology WHERE uuid = p_topology;
        INSERT INTO qtopology_message (worker, cmd, content, sent_us, expires_us, created, valid_until)
          VALUES (p_worker, p_command, p_content, v_now, v_now + p_ttl, v_at, v_at + INTERVAL p_ttl MICROSECOND);
        SET v_answer = '["assigned"]';
        LEAVE decide;
      END IF;
      SET v_answer = (
        SELECT CASE
            WHEN v_worker_status IS NULL THEN '["unknown_worker"]'
            WHEN status = 'error' THEN '["in_error"]'
            WHEN worker IS NOT NULL THEN CONCAT('["held",', JSON_QUOTE(worker), ']')
            WHEN enabled = 0 THEN '["disabled"]'
            WHEN v_worker_status <> 'alive' THEN CONCAT('["not_alive",', JSON_QUOTE(v_worker_status), ']')
            ELSE ''
          END
          FROM qtopology_topology WHERE uuid = p_topology FOR UPDATE
      );
      SET v_answer = COALESCE(v_answer, '["unknown_topology"]');
      IF v_answer <> '' THEN
        LEAVE decide;
      END IF;
    END LOOP;
    IF p_placements IS NULL THEN
      LEAVE each_placement;
    END IF;
    SET v_answers = CONCAT(v_answers, IF(v_answers = '', '', ','), v_answer);
  END LOOP;
  IF p_placements IS NOT NULL THEN
    CLOSE c_placements;
  END IF;
  COMMIT;
  IF p_placements IS NOT NULL THEN
    SELECT 'done' AS outcome, CONCAT('[', v_answers, ']') AS answers;
  ELSEIF v_answer <> '["assigned"]' THEN
    SELECT 'done' AS outcome, CONCAT('[', v_answer, ']') AS answers;
  END IF;
END
