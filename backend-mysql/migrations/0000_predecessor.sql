-- A database that qtopology-mysql made, at whichever of its versions, becomes what its version 17 is, with all rows: two of its own
-- upgrades delete the messages, and one that was cut short cannot be repeated. Runs before the first migration; each statement can
-- be repeated, and one whose column or key is there already, or gone, is passed over.
CREATE TABLE IF NOT EXISTS qtopology_settings (
  name VARCHAR(100) NOT NULL,
  value MEDIUMTEXT NOT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS qtopology_worker (
  id INT NOT NULL AUTO_INCREMENT,
  name VARCHAR(100) NOT NULL,
  status VARCHAR(10) NOT NULL,
  last_ping DATETIME NOT NULL,
  lstatus VARCHAR(10) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS qtopology_topology (
  id INT NOT NULL AUTO_INCREMENT,
  uuid VARCHAR(100) NOT NULL,
  config MEDIUMTEXT NOT NULL,
  status VARCHAR(10) NOT NULL,
  worker VARCHAR(100) DEFAULT NULL,
  weight FLOAT NOT NULL,
  worker_affinity VARCHAR(200) DEFAULT NULL,
  last_ping DATETIME NOT NULL,
  error VARCHAR(1000) DEFAULT NULL,
  enabled TINYINT NOT NULL,
  pid INT DEFAULT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS qtopology_message (
  id BIGINT NOT NULL AUTO_INCREMENT,
  worker VARCHAR(100) NOT NULL,
  cmd VARCHAR(100) NOT NULL,
  content MEDIUMTEXT NOT NULL,
  created DATETIME NOT NULL,
  valid_until DATETIME NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS qtopology_worker_history (
  id BIGINT NOT NULL AUTO_INCREMENT,
  ts DATETIME NOT NULL,
  name VARCHAR(100) NOT NULL,
  status VARCHAR(10) NOT NULL,
  lstatus VARCHAR(10) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB;

ALTER TABLE qtopology_worker_history ADD KEY ix_qtopology_worker_history_nt (name, ts);

CREATE TABLE IF NOT EXISTS qtopology_topology_history (
  id BIGINT NOT NULL AUTO_INCREMENT,
  ts DATETIME NOT NULL,
  uuid VARCHAR(100) NOT NULL,
  status VARCHAR(10) NOT NULL,
  worker VARCHAR(100) DEFAULT NULL,
  weight FLOAT NOT NULL,
  worker_affinity VARCHAR(200) DEFAULT NULL,
  error VARCHAR(1000) DEFAULT NULL,
  enabled TINYINT NOT NULL,
  pid INT DEFAULT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB;

ALTER TABLE qtopology_topology_history ADD KEY ix_qtopology_topology_history_ut (uuid, ts);

-- Before version 14 a lead had a time of its own.
ALTER TABLE qtopology_worker DROP COLUMN lstatus_ts;

-- Before version 4 it was a BIT that could be NULL, which meant no.
UPDATE qtopology_topology SET enabled = 0 WHERE enabled IS NULL;

ALTER TABLE qtopology_topology MODIFY COLUMN enabled TINYINT NOT NULL;

-- Before version 15 there was no pid.
ALTER TABLE qtopology_topology ADD COLUMN pid INT DEFAULT NULL;

ALTER TABLE qtopology_topology_history ADD COLUMN pid INT DEFAULT NULL;

-- Before versions 11 and 14 messages had no time and never expired: they were made now, and get the longest time that its client gives.
ALTER TABLE qtopology_message ADD COLUMN created DATETIME DEFAULT NULL;

ALTER TABLE qtopology_message ADD COLUMN valid_until DATETIME DEFAULT NULL;

UPDATE qtopology_message
  SET created = COALESCE(created, CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', @@GLOBAL.time_zone)),
    valid_until = CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', @@GLOBAL.time_zone) + INTERVAL 120 SECOND
  WHERE valid_until IS NULL;

-- Before version 5 a uuid was put into a message without quotes, which is no JSON.
UPDATE qtopology_message
  SET content = IF(content LIKE '{ "uuid": %}',
    CONCAT('{ "uuid": ', JSON_QUOTE(SUBSTRING(content, 11, CHAR_LENGTH(content) - 11)), '}'), JSON_QUOTE(content))
  WHERE NOT JSON_VALID(content);

-- Procedures that its version 9 dropped.
DROP PROCEDURE IF EXISTS qtopology_sp_assign_topology;
DROP PROCEDURE IF EXISTS qtopology_sp_delete_message;
DROP PROCEDURE IF EXISTS qtopology_sp_delete_topology;
DROP PROCEDURE IF EXISTS qtopology_sp_delete_worker;
DROP PROCEDURE IF EXISTS qtopology_sp_disable_topology;
DROP PROCEDURE IF EXISTS qtopology_sp_enable_topology;
DROP PROCEDURE IF EXISTS qtopology_sp_send_message;
DROP PROCEDURE IF EXISTS qtopology_sp_topologies;
DROP PROCEDURE IF EXISTS qtopology_sp_topologies_for_worker;
DROP PROCEDURE IF EXISTS qtopology_sp_topology;
DROP PROCEDURE IF EXISTS qtopology_sp_update_topology_status;
DROP PROCEDURE IF EXISTS qtopology_sp_update_worker_status;
DROP PROCEDURE IF EXISTS qtopology_sp_workers;
