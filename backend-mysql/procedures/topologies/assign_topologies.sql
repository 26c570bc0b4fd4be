-- core::Topologies::assign_topologies
-- A single placement comes as p_topology, p_worker and p_content, the message that tells the worker; several come as p_placements, a
-- JSON array of objects of these, since reading JSON costs more than the rest of the step. Answers nothing when a single one is
-- assigned; else outcome 'stale', or 'done' with the answers, a JSON array with what convoke_assign_topology answers for each. Locks
-- the seat (which holds off elections), then the workers, then the topologies.
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
  DECLARE v_promised BIGINT;
  DECLARE v_worker_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_answers LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
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
  IF p_placements IS NULL THEN
    CALL convoke_assign_topology(p_topology, p_worker, v_worker_status, p_command, p_content, p_ttl, v_now, v_answers);
  ELSE
    CALL convoke_assign_placements(p_placements, p_command, p_ttl, v_now, v_answers);
  END IF;
  COMMIT;
  IF p_placements IS NOT NULL OR v_answers <> '["assigned"]' THEN
    SELECT 'done' AS outcome, CONCAT('[', v_answers, ']') AS answers;
  END IF;
END
