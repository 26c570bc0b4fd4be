-- The history of topologies, as exact as the topologies themselves, with times that count.
ALTER TABLE qtopology_topology_history
  MODIFY COLUMN weight VARCHAR(40) NOT NULL,
  MODIFY COLUMN worker_affinity TEXT DEFAULT NULL,
  MODIFY COLUMN pid BIGINT DEFAULT NULL,
  ADD COLUMN affinity LONGTEXT DEFAULT NULL,
  ADD COLUMN at_us BIGINT NOT NULL DEFAULT 0;

ALTER TABLE qtopology_topology_history
  MODIFY COLUMN weight DOUBLE NOT NULL,
  ALTER COLUMN at_us SET DEFAULT (TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));

UPDATE qtopology_topology_history
  SET at_us = COALESCE(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', CONVERT_TZ(ts, @@GLOBAL.time_zone, '+00:00')), 1)
  WHERE at_us = 0;
