-- Part of a step that holds the seat: core's Topology::is_overdue and core::workers::is_gone. Topologies that waited for
-- p_waiting_us are unassigned, the longest waiting first, then those that wait for or run on workers that are gone, by the names
-- of worker and topology; at most p_limit of them. Answers their ids as a JSON array, and whether there are more. The workers that
-- are gone are locked before the first topology; without the seat nobody locks several of them.
CREATE PROCEDURE convoke_take_away_topologies(
  IN p_waiting_us BIGINT,
  IN p_limit INT,
  IN p_now BIGINT,
  OUT p_taken LONGTEXT CHARACTER SET utf8mb4,
  OUT p_more TINYINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_gone VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_all_gone INT;
  DECLARE v_taken INT DEFAULT 0;
  DECLARE v_done TINYINT DEFAULT 0;
  DECLARE c_lost CURSOR FOR
    SELECT uuid, worker FROM (
      (SELECT waiting_us, NULL AS worker, uuid FROM qtopology_topology FORCE INDEX (ix_convoke_topology_waiting)
        WHERE waiting_us <= p_now - p_waiting_us
        ORDER BY waiting_us, uuid LIMIT 1001)
      UNION ALL
      (SELECT NULL AS waiting_us, t.worker, t.uuid FROM qtopology_worker AS w FORCE INDEX (ix_convoke_worker_gone)
        STRAIGHT_JOIN qtopology_topology AS t FORCE INDEX (ix_convoke_topology_held) ON t.worker = w.name
        WHERE w.gone = 1 AND t.status IN ('waiting', 'running')
          AND NOT (t.status = 'waiting' AND t.since_us <= p_now - p_waiting_us)
        ORDER BY t.worker, t.uuid LIMIT 1001)
    ) AS lost
    ORDER BY waiting_us IS NULL, waiting_us, worker, uuid LIMIT 1001;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_done = 1;

  SET p_taken = '[', p_more = 0;
  SELECT COUNT(*) INTO v_all_gone FROM qtopology_worker FORCE INDEX (ix_convoke_worker_gone) WHERE gone = 1 FOR UPDATE;
  OPEN c_lost;
  take: LOOP
    FETCH c_lost INTO v_uuid, v_gone;
    IF v_done THEN
      LEAVE take;
    END IF;
    IF v_taken = p_limit THEN
      SET p_more = 1;
      LEAVE take;
    END IF;
    -- Its worker may have begun since the cursor read it.
    UPDATE qtopology_topology
      SET status = 'unassigned', worker = NULL, pid = NULL, since_us = p_now,
        last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL p_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
        revision = revision + 1
      WHERE uuid = v_uuid AND IF(v_gone IS NULL, status = 'waiting' AND since_us <= p_now - p_waiting_us,
        status IN ('waiting', 'running') AND worker = v_gone);
    IF ROW_COUNT() = 1 THEN
      CALL convoke_record_topology(v_uuid, p_now);
      SET p_taken = CONCAT(p_taken, IF(v_taken = 0, '', ','), JSON_QUOTE(v_uuid)), v_taken = v_taken + 1;
    END IF;
  END LOOP;
  CLOSE c_lost;
  SET p_taken = CONCAT(p_taken, ']');
  IF v_all_gone > 0 THEN
    UPDATE qtopology_worker AS w FORCE INDEX (ix_convoke_worker_gone)
      SET w.gone = NULL, w.revision = w.revision + 1
      WHERE w.gone = 1 AND NOT EXISTS (
        SELECT 1 FROM qtopology_topology AS t FORCE INDEX (ix_convoke_topology_held)
          WHERE t.worker = w.name AND t.status IN ('waiting', 'running')
      );
  END IF;
END
