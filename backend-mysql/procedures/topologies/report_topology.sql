-- core::Topologies::report_topology, core::workers::check_registration, core::topologies::decide_report
-- p_report is 'running', 'failed' (with p_error) or 'released'. Answers nothing when it is accepted, since a row takes the server
-- and the client another turn; else outcome 'unknown_worker', 'stale', 'unknown_topology', 'disabled', or 'not_held' with who has
-- it (NULL: nobody).
CREATE PROCEDURE convoke_report_topology(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_incarnation BIGINT,
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_report VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_error TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_worker_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_standing VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_outcome VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_holder VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_now BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  SET v_worker_status = (
    SELECT status FROM qtopology_worker WHERE name = p_name AND incarnation = p_incarnation LOCK IN SHARE MODE
  );
  -- The first statement decides for all that is in order. When it found nothing to write, the topology is locked and looked at: it
  -- is refused, or stands so already; only what came to be in order between the two is written by a second turn.
  report: LOOP
    SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
    -- What changes nothing writes nothing (core's Topology::reported). Assignments are made from left to right: the time is judged by
    -- what was before.
    IF v_worker_status IS NULL THEN
      SET v_outcome = IF(EXISTS (SELECT 1 FROM qtopology_worker WHERE name = p_name), 'stale', 'unknown_worker');
      LEAVE report;
    ELSEIF p_report = 'running' THEN
      UPDATE qtopology_topology
        SET since_us = IF(status = 'running', since_us, v_now),
          last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
          status = 'running', error = NULL, revision = revision + 1
        WHERE uuid = p_uuid AND worker = p_name AND (status = 'running' OR enabled <> 0) AND NOT (status = 'running' AND error IS NULL);
    ELSEIF p_report = 'failed' THEN
      UPDATE qtopology_topology
        SET since_us = IF(status = 'error', since_us, v_now),
          last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
          status = 'error', pid = NULL, error = p_error, revision = revision + 1
        WHERE uuid = p_uuid AND worker = p_name AND NOT (status = 'error' AND pid IS NULL AND error <=> p_error);
    ELSE
      UPDATE qtopology_topology
        SET since_us = v_now,
          last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
          status = IF(status = 'error', 'error', 'unassigned'), worker = NULL, pid = NULL, revision = revision + 1
        WHERE uuid = p_uuid AND worker = p_name;
    END IF;
    IF ROW_COUNT() = 1 THEN
      -- As convoke_record_topology does, without the cost of a call.
      INSERT INTO qtopology_topology_history
          (ts, uuid, status, worker, weight, worker_affinity, affinity, error, enabled, pid, at_us)
        SELECT last_ping, uuid, status, worker, weight, worker_affinity, affinity, error, enabled, pid, v_now
          FROM qtopology_topology WHERE uuid = p_uuid;
      LEAVE report;
    END IF;
    SET v_standing = (
      SELECT CASE
          WHEN NOT worker <=> p_name THEN 'not_held'
          WHEN p_report = 'running' AND status <> 'running' AND enabled = 0 THEN 'disabled'
          WHEN p_report = 'running' AND status = 'running' AND error IS NULL THEN 'reported'
          WHEN p_report = 'failed' AND status = 'error' AND pid IS NULL AND error <=> p_error THEN 'reported'
          ELSE 'to_report'
        END
        FROM qtopology_topology WHERE uuid = p_uuid FOR UPDATE
    );
    IF v_standing IS NULL THEN
      SET v_outcome = 'unknown_topology';
    ELSEIF v_standing IN ('disabled', 'not_held') THEN
      SET v_outcome = v_standing, v_holder = (SELECT worker FROM qtopology_topology WHERE uuid = p_uuid);
    ELSEIF v_standing = 'to_report' THEN
      ITERATE report;
    END IF;
    LEAVE report;
  END LOOP;
  -- A worker that was taken for dead, and lives, may begin what it had in error: that is to be taken away, too.
  IF v_outcome IS NULL AND p_report = 'running' AND v_worker_status IN ('dead', 'unloaded') THEN
    UPDATE qtopology_worker SET gone = 1, revision = revision + 1 WHERE name = p_name AND gone IS NULL;
  END IF;
  COMMIT;
  IF v_outcome IS NOT NULL THEN
    SELECT v_outcome AS outcome, v_holder AS who;
  END IF;
END
