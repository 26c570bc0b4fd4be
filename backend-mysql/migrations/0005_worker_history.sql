-- The history of workers: the table of qtopology-mysql 2.2.1, with times that count, and read by name from the end.
CREATE TABLE IF NOT EXISTS qtopology_worker_history (
  id BIGINT NOT NULL AUTO_INCREMENT,
  ts DATETIME(6) NOT NULL,
  name VARCHAR(100) NOT NULL,
  status VARCHAR(10) NOT NULL,
  lstatus VARCHAR(10) NOT NULL,
  at_us BIGINT NOT NULL DEFAULT (TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))),
  incarnation BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (id),
  KEY ix_qtopology_worker_history_nt (name, ts),
  KEY ix_convoke_worker_history (name, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- ADOPT
ALTER TABLE qtopology_worker_history
  CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  MODIFY COLUMN ts DATETIME(6) NOT NULL,
  ADD COLUMN at_us BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN incarnation BIGINT NOT NULL DEFAULT 0,
  ADD KEY ix_convoke_worker_history (name, id);

-- ADOPT
ALTER TABLE qtopology_worker_history
  ALTER COLUMN at_us SET DEFAULT (TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));

-- ADOPT
UPDATE qtopology_worker_history
  SET at_us = TIMESTAMPDIFF(MICROSECOND, '1970-01-01', CONVERT_TZ(ts, @@GLOBAL.time_zone, '+00:00'))
  WHERE at_us = 0;
