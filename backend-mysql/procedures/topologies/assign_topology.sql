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
  DECLARE v_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_enabled TINYINT;
  DECLARE v_holder VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_is_missing TINYINT DEFAULT 0;
  -- The caller's handler is for its cursor.
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_is_missing = 1;

  SELECT status INTO v_worker_status FROM qtopology_worker WHERE name = p_worker LOCK IN SHARE MODE;
  SELECT status, enabled <> 0, worker INTO v_status, v_enabled, v_holder
    FROM qtopology_topology WHERE uuid = p_uuid FOR UPDATE;
  IF v_status IS NULL THEN
    SET p_answer = '["unknown_topology"]';
  ELSEIF v_worker_status IS NULL THEN
    SET p_answer = '["unknown_worker"]';
  ELSEIF v_status = 'error' THEN
    SET p_answer = '["in_error"]';
  ELSEIF v_holder IS NOT NULL THEN
    SET p_answer = CONCAT('["held",', JSON_QUOTE(v_holder), ']');
  ELSEIF NOT v_enabled THEN
    SET p_answer = '["disabled"]';
  ELSEIF v_worker_status <> 'alive' THEN
    SET p_answer = CONCAT('["not_alive",', JSON_QUOTE(v_worker_status), ']');
  ELSE
    SET p_answer = '["assigned"]';
    CALL convoke_change_topology(p_uuid, 'waiting', 1, p_worker, NULL, NULL, p_now);
    CALL convoke_tell_worker(p_worker, p_command, p_content, p_ttl, p_now);
  END IF;
END
