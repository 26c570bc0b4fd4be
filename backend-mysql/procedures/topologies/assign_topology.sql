-- Part of a step that holds the seat: core::topologies::decide_assignment for one placement, and what it asks for.
-- Answers a JSON array: 'assigned', 'unknown_topology', 'unknown_worker', 'in_error' or 'disabled'; 'held' and by whom; 'not_alive' and
-- the status.
CREATE PROCEDURE convoke_assign_topology(
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_worker VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_command VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_content VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_ttl BIGINT,
  IN p_now BIGINT,
  OUT p_answer LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_worker_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_is_free TINYINT;

  SET v_worker_status = (SELECT status FROM qtopology_worker WHERE name = p_worker LOCK IN SHARE MODE);
  SET v_is_free = (
    SELECT worker IS NULL AND status <> 'error' AND enabled <> 0 FROM qtopology_topology WHERE uuid = p_uuid FOR UPDATE
  );
  IF v_is_free AND v_worker_status = 'alive' THEN
    UPDATE qtopology_topology
      SET since_us = p_now,
        last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL p_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
        status = 'waiting', worker = p_worker, pid = NULL, error = NULL, revision = revision + 1
      WHERE uuid = p_uuid;
    CALL convoke_record_topology(p_uuid, p_now);
    CALL convoke_tell_worker(p_worker, p_command, p_content, p_ttl, p_now);
    SET p_answer = '["assigned"]';
  ELSEIF v_is_free IS NULL THEN
    SET p_answer = '["unknown_topology"]';
  ELSEIF v_worker_status IS NULL THEN
    SET p_answer = '["unknown_worker"]';
  ELSEIF v_is_free THEN
    SET p_answer = CONCAT('["not_alive",', JSON_QUOTE(v_worker_status), ']');
  ELSE
    SET p_answer = (
      SELECT CASE
          WHEN status = 'error' THEN '["in_error"]'
          WHEN worker IS NOT NULL THEN CONCAT('["held",', JSON_QUOTE(worker), ']')
          ELSE '["disabled"]'
        END
        FROM qtopology_topology WHERE uuid = p_uuid
    );
  END IF;
END
