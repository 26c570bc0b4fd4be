-- The old client deletes a worker that is unloaded by a plain DELETE, whatever waits for it or runs on it: that is unassigned.
-- Ours deletes no worker that is in use.
CREATE TRIGGER convoke_heed_worker_delete BEFORE DELETE ON qtopology_worker FOR EACH ROW
BEGIN
  DECLARE v_now BIGINT;

  IF EXISTS (
    SELECT 1 FROM qtopology_topology FORCE INDEX (ix_convoke_topology_held)
      WHERE worker = OLD.name AND status IN ('waiting', 'running')
  ) THEN
    SET v_now = TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6));
    INSERT INTO qtopology_topology_history (ts, uuid, status, worker, weight, worker_affinity, affinity, error, enabled, pid, at_us)
      SELECT CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
          uuid, 'unassigned', NULL, weight, worker_affinity, affinity, error, enabled, NULL, v_now
        FROM qtopology_topology FORCE INDEX (ix_convoke_topology_held)
        WHERE worker = OLD.name AND status IN ('waiting', 'running');
    UPDATE qtopology_topology
      SET status = 'unassigned', pid = NULL, since_us = v_now, worker = NULL, revision = revision + 1
      WHERE worker = OLD.name AND status IN ('waiting', 'running');
  END IF;
END
