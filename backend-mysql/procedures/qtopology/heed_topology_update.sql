-- The old client sets the columns of topologies by plain UPDATEs, with a time of its own clock. Each statement of ours raises the
-- revision; one that does not is the old client's, and means: the time is now; nobody has what is unassigned, nor what waits or
-- runs without a worker; a process runs only what is running; an empty error is none; its affinities count again. Its leader, which
-- has no term, may have stood still since it looked: what another worker has by now stays that worker's.
CREATE TRIGGER convoke_heed_topology_update BEFORE UPDATE ON qtopology_topology FOR EACH ROW
BEGIN
  DECLARE v_now BIGINT;

  IF NEW.revision = OLD.revision THEN
    SET v_now = TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6));
    IF NEW.status = 'waiting' AND OLD.status IN ('waiting', 'running') AND NEW.worker <> OLD.worker THEN
      SET NEW.status = OLD.status, NEW.worker = OLD.worker, NEW.last_ping = OLD.last_ping;
    END IF;
    IF NEW.status = 'unassigned' OR (NEW.status IN ('waiting', 'running') AND NEW.worker IS NULL) THEN
      SET NEW.status = 'unassigned', NEW.worker = NULL;
    END IF;
    IF NEW.status <> 'running' AND (NEW.status <> OLD.status OR NOT (NEW.worker <=> OLD.worker)) THEN
      SET NEW.pid = NULL;
    END IF;
    IF NEW.status <> 'error' AND NEW.error = '' THEN
      SET NEW.error = NULL;
    END IF;
    IF NOT (NEW.worker_affinity <=> OLD.worker_affinity) THEN
      SET NEW.affinity = NULL;
    END IF;
    -- To assign it again to whom it waits for is an assignment, too.
    IF NEW.status <> OLD.status OR NOT (NEW.worker <=> OLD.worker)
      OR (NEW.status = 'waiting' AND NEW.last_ping <> OLD.last_ping) THEN
      SET NEW.since_us = v_now;
    END IF;
    IF NEW.last_ping <> OLD.last_ping THEN
      SET NEW.last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone);
    END IF;
  END IF;
END
