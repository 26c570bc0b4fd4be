-- Workers: the table of qtopology-mysql 2.2.1, and our columns beside its own. Times that count are microseconds of UTC;
-- the DATETIME columns are kept for its client, in the server's time zone. Statements of ours raise the revision. Who was heard
-- of when is indexed by slots of ten seconds, so that most pings change no index.
CREATE TABLE IF NOT EXISTS qtopology_worker (
  id INT NOT NULL AUTO_INCREMENT,
  name VARCHAR(100) NOT NULL,
  status VARCHAR(10) NOT NULL,
  last_ping DATETIME(6) NOT NULL,
  lstatus VARCHAR(10) NOT NULL,
  incarnation BIGINT NOT NULL DEFAULT 0,
  last_ping_us BIGINT NOT NULL DEFAULT (TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))),
  candidacy_us BIGINT NULL DEFAULT NULL,
  revision BIGINT NOT NULL DEFAULT 0,
  heard_slot BIGINT GENERATED ALWAYS AS (last_ping_us DIV 10000000) STORED,
  PRIMARY KEY (id),
  UNIQUE KEY ux_convoke_worker_name (name),
  KEY ix_convoke_worker_candidacy (candidacy_us),
  KEY ix_convoke_worker_heard (status, heard_slot)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- ADOPT
ALTER TABLE qtopology_worker
  CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  MODIFY COLUMN last_ping DATETIME(6) NOT NULL,
  ADD COLUMN incarnation BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN last_ping_us BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN candidacy_us BIGINT NULL DEFAULT NULL,
  ADD COLUMN revision BIGINT NOT NULL DEFAULT 0,
  ADD KEY ix_convoke_worker_double (name, last_ping, id);

-- ADOPT
ALTER TABLE qtopology_worker
  ALTER COLUMN last_ping_us SET DEFAULT (TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));

-- ADOPT
-- It had no unique key, and made double rows: the one heard of last stays.
DELETE older FROM qtopology_worker AS older
  JOIN qtopology_worker AS newer
    ON newer.name = older.name
    AND (newer.last_ping > older.last_ping OR (newer.last_ping = older.last_ping AND newer.id > older.id));

-- ADOPT
ALTER TABLE qtopology_worker
  ADD COLUMN heard_slot BIGINT GENERATED ALWAYS AS (last_ping_us DIV 10000000) STORED,
  ADD UNIQUE KEY ux_convoke_worker_name (name),
  ADD KEY ix_convoke_worker_candidacy (candidacy_us),
  ADD KEY ix_convoke_worker_heard (status, heard_slot),
  DROP KEY ix_convoke_worker_double;

-- ADOPT
UPDATE qtopology_worker
  SET last_ping_us = TIMESTAMPDIFF(MICROSECOND, '1970-01-01', CONVERT_TZ(last_ping, @@GLOBAL.time_zone, '+00:00'))
  WHERE last_ping_us = 0;
