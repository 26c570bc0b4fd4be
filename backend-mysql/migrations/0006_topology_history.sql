-- The history of topologies: the table of qtopology-mysql 2.2.1, as wide as the topologies themselves.
CREATE TABLE IF NOT EXISTS qtopology_topology_history (
  id BIGINT NOT NULL AUTO_INCREMENT,
  ts DATETIME(6) NOT NULL,
  uuid VARCHAR(100) NOT NULL,
  status VARCHAR(10) NOT NULL,
  worker VARCHAR(100) DEFAULT NULL,
  weight FLOAT NOT NULL,
  worker_affinity TEXT DEFAULT NULL,
  error TEXT DEFAULT NULL,
  enabled TINYINT NOT NULL,
  pid INT DEFAULT NULL,
  PRIMARY KEY (id),
  KEY ix_qtopology_topology_history_ut (uuid, ts),
  KEY ix_convoke_topology_history (uuid, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- ADOPT
ALTER TABLE qtopology_topology_history
  CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  MODIFY COLUMN ts DATETIME(6) NOT NULL,
  MODIFY COLUMN worker_affinity TEXT DEFAULT NULL,
  MODIFY COLUMN error TEXT DEFAULT NULL,
  ADD KEY ix_convoke_topology_history (uuid, id);
