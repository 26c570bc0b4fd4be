-- Part of a step that holds the seat, and the worker, whose status it gives (NULL: there is none):
-- core::topologies::decide_assignment for one placement, and what it asks for.
-- Answers a JSON array: 'assigned', 'unknown_topology', 'unknown_worker', 'in_error' or 'disabled'; 'held' and by whom; 'not_alive' and
-- the status.
CREATE PROCEDURE convoke_assign_topology(
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_worker VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_worker_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_command VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_content VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_ttl BIGINT,
  IN p_now BIGINT,
  OUT p_answer VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_at DATETIME(6)
    DEFAULT CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL p_now MICROSECOND, '+00:00', @@GLOBAL.time_zone);

  -- The first statement decides for all that is in order. When it found nothing to write, the topology is locked and looked at: it
  -- is refused; only what came to be free between the two is assigned by a second turn.
  assign: LOOP
    UPDATE qtopology_topology
      SET since_us = p_now, last_ping = v_at, status = 'waiting', worker = p_worker, pid = NULL, error = NULL, revision = revision + 1
      WHERE uuid = p_uuid AND worker IS NULL AND status <> 'error' AND enabled <> 0 AND p_worker_status = 'alive';
    -- As convoke_record_topology and convoke_tell_worker do, without the cost of two calls.
    IF ROW_COUNT() = 1 THEN
      INSERT INTO qtopology_topology_history
          (ts, uuid, status, worker, weight, worker_affinity, affinity, error, enabled, pid, at_us)
        SELECT last_ping, uuid, status, worker, weight, worker_affinity, affinity, error, enabled, pid, since_us
          FROM qtopology_topology WHERE uuid = p_uuid;
      INSERT INTO qtopology_message (worker, cmd, content, sent_us, expires_us, created, valid_until)
        VALUES (p_worker, p_command, p_content, p_now, p_now + p_ttl, v_at, v_at + INTERVAL p_ttl MICROSECOND);
      SET p_answer = '["assigned"]';
      LEAVE assign;
    END IF;
    SET p_answer = (
      SELECT CASE
          WHEN p_worker_status IS NULL THEN '["unknown_worker"]'
          WHEN status = 'error' THEN '["in_error"]'
          WHEN worker IS NOT NULL THEN CONCAT('["held",', JSON_QUOTE(worker), ']')
          WHEN enabled = 0 THEN '["disabled"]'
          WHEN p_worker_status <> 'alive' THEN CONCAT('["not_alive",', JSON_QUOTE(p_worker_status), ']')
          ELSE ''
        END
        FROM qtopology_topology WHERE uuid = p_uuid FOR UPDATE
    );
    IF p_answer IS NULL THEN
      SET p_answer = '["unknown_topology"]';
    END IF;
    IF p_answer <> '' THEN
      LEAVE assign;
    END IF;
  END LOOP;
END
