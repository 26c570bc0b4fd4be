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
  DECLARE v_is_fit TINYINT;
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
  SET v_is_fit = (
    SELECT worker <=> p_name AND (p_report <> 'running' OR status = 'running' OR enabled <> 0)
      FROM qtopology_topology WHERE uuid = p_uuid FOR UPDATE
  );
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  IF v_worker_status IS NULL THEN
    SET v_outcome = IF(EXISTS (SELECT 1 FROM qtopology_worker WHERE name = p_name), 'stale', 'unknown_worker');
  ELSEIF v_is_fit IS NULL THEN
    SET v_outcome = 'unknown_topology';
  ELSEIF NOT v_is_fit THEN
    SET v_holder = (SELECT worker FROM qtopology_topology WHERE uuid = p_uuid);
    SET v_outcome = IF(v_holder <=> p_name, 'disabled', 'not_held');
  ELSE
    -- What changes nothing writes nothing (core's Topology::reported). Assignments are made from left to right: the time is judged by
    -- what was before.
    IF p_report = 'running' THEN
      UPDATE qtopology_topology
        SET since_us = IF(status = 'running', since_us, v_now),
          last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
          status = 'running', error = NULL, revision = revision + 1
        WHERE uuid = p_uuid AND NOT (status = 'running' AND error IS NULL);
    ELSEIF p_report = 'failed' THEN
      UPDATE qtopology_topology
        SET since_us = IF(status = 'error', since_us, v_now),
          last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
          status = 'error', pid = NULL, error = p_error, revision = revision + 1
        WHERE uuid = p_uuid AND NOT (status = 'error' AND pid IS NULL AND error <=> p_error);
    ELSE
      UPDATE qtopology_topology
        SET since_us = v_now,
          last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
          status = IF(status = 'error', 'error', 'unassigned'), worker = NULL, pid = NULL, revision = revision + 1
        WHERE uuid = p_uuid;
    END IF;
    IF ROW_COUNT() = 1 THEN
      CALL convoke_record_topology(p_uuid, v_now);
    END IF;
    -- A worker that was taken for dead, and lives, may begin what it had in error: that is to be taken away, too.
    IF p_report = 'running' AND v_worker_status IN ('dead', 'unloaded') THEN
      UPDATE qtopology_worker SET gone = 1, revision = revision + 1 WHERE name = p_name AND gone IS NULL;
    END IF;
  END IF;
  COMMIT;
  IF v_outcome IS NOT NULL THEN
    SELECT v_outcome AS outcome, v_holder AS who;
  END IF;
END
