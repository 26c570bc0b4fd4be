CREATE TABLE `qtopology_settings` (
  `name` varchar(100) NOT NULL,
  `value` mediumtext NOT NULL,
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
CREATE TABLE `qtopology_worker` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(100) NOT NULL,
  `status` varchar(10) NOT NULL,
  `last_ping` datetime NOT NULL,
  `lstatus` varchar(10) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
CREATE TABLE `qtopology_topology` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `uuid` varchar(100) NOT NULL,
  `config` mediumtext NOT NULL,
  `status` varchar(10) NOT NULL,
  `worker` varchar(100) DEFAULT NULL,
  `weight` float NOT NULL,
  `worker_affinity` varchar(200) DEFAULT NULL,
  `last_ping` datetime NOT NULL,
  `error` varchar(1000) DEFAULT NULL,
  `enabled` tinyint(4) NOT NULL,
  `pid` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
CREATE TABLE `qtopology_message` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `worker` varchar(100) NOT NULL,
  `cmd` varchar(100) NOT NULL,
  `content` mediumtext NOT NULL,
  `created` datetime NOT NULL,
  `valid_until` datetime NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
CREATE TABLE `qtopology_worker_history` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `ts` datetime NOT NULL,
  `name` varchar(100) NOT NULL,
  `status` varchar(10) NOT NULL,
  `lstatus` varchar(10) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_qtopology_worker_history_nt` (`name`,`ts`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
CREATE TABLE `qtopology_topology_history` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `ts` datetime NOT NULL,
  `uuid` varchar(100) NOT NULL,
  `status` varchar(10) NOT NULL,
  `worker` varchar(100) DEFAULT NULL,
  `weight` float NOT NULL,
  `worker_affinity` varchar(200) DEFAULT NULL,
  `error` varchar(1000) DEFAULT NULL,
  `enabled` tinyint(4) NOT NULL,
  `pid` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_qtopology_topology_history_ut` (`uuid`,`ts`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
INSERT INTO qtopology_settings(name, value) VALUES ('db_version', '17');
