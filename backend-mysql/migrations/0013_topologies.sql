-- Topologies become ours too. Since when one has its status on its worker counts in microseconds of UTC; the affinity is kept as
-- JSON beside the comma-joined list of the client of qtopology-mysql, whose writes leave it NULL: then the list counts. Weights
-- are as exact as ours are: by way of their text, so that what its client wrote as 1.1 into a FLOAT is 1.1. Statements of ours
-- raise the revision. What was meant to become TEXT is TINYTEXT where MySQL converted the character set in the same statement.
ALTER TABLE qtopology_topology
  MODIFY COLUMN weight VARCHAR(40) NOT NULL,
  MODIFY COLUMN worker_affinity TEXT DEFAULT NULL,
  MODIFY COLUMN pid BIGINT DEFAULT NULL,
  ADD COLUMN affinity LONGTEXT DEFAULT NULL,
  ADD COLUMN since_us BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN revision BIGINT NOT NULL DEFAULT 0,
  ADD KEY ix_convoke_topology_since (status, since_us, uuid),
  ADD KEY ix_convoke_topology_held (worker, uuid, status),
  DROP KEY ix_convoke_topology_status,
  DROP KEY ix_convoke_topology_worker;

ALTER TABLE qtopology_topology
  MODIFY COLUMN weight DOUBLE NOT NULL,
  ALTER COLUMN since_us SET DEFAULT (TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));

UPDATE qtopology_topology
  SET since_us = COALESCE(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', CONVERT_TZ(last_ping, @@GLOBAL.time_zone, '+00:00')), 1)
  WHERE since_us = 0;

-- Its client leaves the old worker with what nobody has, what runs without a worker is to be assigned anew, and an empty error
-- is none.
UPDATE qtopology_topology
  SET status = IF(status IN ('waiting', 'running') AND worker IS NULL, 'unassigned', status),
    pid = IF(status = 'running', pid, NULL),
    worker = IF(status = 'unassigned', NULL, worker),
    error = IF(status = 'error', error, NULLIF(error, ''))
  WHERE (status IN ('waiting', 'running') AND worker IS NULL)
    OR (status = 'unassigned' AND worker IS NOT NULL)
    OR (status <> 'running' AND pid IS NOT NULL)
    OR (status <> 'error' AND error = '');
