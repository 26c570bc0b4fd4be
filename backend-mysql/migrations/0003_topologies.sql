-- Topologies: the table of qtopology-mysql 2.2.1, wide enough for long errors and affinities, each uuid once.
CREATE TABLE IF NOT EXISTS qtopology_topology (
  id INT NOT NULL AUTO_INCREMENT,
  uuid VARCHAR(100) NOT NULL,
  config LONGTEXT NOT NULL,
  status VARCHAR(10) NOT NULL,
  worker VARCHAR(100) DEFAULT NULL,
  weight FLOAT NOT NULL,
  worker_affinity TEXT DEFAULT NULL,
  last_ping DATETIME(6) NOT NULL,
  error TEXT DEFAULT NULL,
  enabled TINYINT NOT NULL,
  pid INT DEFAULT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY ux_convoke_topology_uuid (uuid),
  KEY ix_convoke_topology_worker (worker, status),
  KEY ix_convoke_topology_status (status)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- ADOPT
ALTER TABLE qtopology_topology
  CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  MODIFY COLUMN config LONGTEXT NOT NULL,
  MODIFY COLUMN worker_affinity TEXT DEFAULT NULL,
  MODIFY COLUMN last_ping DATETIME(6) NOT NULL,
  MODIFY COLUMN error TEXT DEFAULT NULL,
  ADD KEY ix_convoke_topology_double (uuid, last_ping, id);

-- ADOPT
DELETE older FROM qtopology_topology AS older
  JOIN qtopology_topology AS newer
    ON newer.uuid = older.uuid
    AND (newer.last_ping > older.last_ping OR (newer.last_ping = older.last_ping AND newer.id > older.id));

-- ADOPT
ALTER TABLE qtopology_topology
  ADD UNIQUE KEY ux_convoke_topology_uuid (uuid),
  ADD KEY ix_convoke_topology_worker (worker, status),
  ADD KEY ix_convoke_topology_status (status),
  DROP KEY ix_convoke_topology_double;
