-- Topologies that wait for 30 seconds, or run on a dead worker, are unassigned. No result set.
CREATE PROCEDURE qtopology_sp_unassign_waiting_topologies()
SQL SECURITY INVOKER
BEGIN
  DECLARE v_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_done TINYINT DEFAULT 0;
  DECLARE c_lost CURSOR FOR
    SELECT uuid FROM qtopology_topology
      WHERE status = 'waiting' AND last_ping < CONVERT_TZ(UTC_TIMESTAMP(6), '+00:00', @@GLOBAL.time_zone) - INTERVAL 30 SECOND
    UNION ALL
    SELECT t.uuid FROM qtopology_topology AS t JOIN qtopology_worker AS w ON w.name = t.worker AND w.status = 'dead'
      WHERE t.status = 'running'
    ORDER BY uuid;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_done = 1;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  OPEN c_lost;
  unassign: LOOP
    FETCH c_lost INTO v_uuid;
    IF v_done THEN
      LEAVE unassign;
    END IF;
    UPDATE qtopology_topology SET status = 'unassigned' WHERE uuid = v_uuid AND status IN ('waiting', 'running');
    CALL qtopology_sp_add_topology_history(v_uuid);
  END LOOP;
  CLOSE c_lost;
  COMMIT;
END
