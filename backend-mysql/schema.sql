-- Made by `cargo xtask schema` from migrations/*.sql. Do not edit.

CREATE TABLE `convoke_counter` (
  `name` varchar(100) NOT NULL,
  `value` bigint(20) NOT NULL DEFAULT 0,
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE `convoke_lock` (
  `name` varchar(100) NOT NULL,
  `owner` varchar(100) NOT NULL,
  `token` bigint(20) NOT NULL,
  `expires_us` bigint(20) NOT NULL,
  PRIMARY KEY (`name`),
  KEY `ix_convoke_lock_expires` (`expires_us`,`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE `convoke_migration` (
  `number` int(11) NOT NULL,
  `name` varchar(100) NOT NULL,
  `checksum` char(64) NOT NULL,
  `done` tinyint(4) NOT NULL DEFAULT 0,
  `at_us` bigint(20) NOT NULL DEFAULT timestampdiff(MICROSECOND,'1970-01-01',utc_timestamp(6)),
  PRIMARY KEY (`number`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE `convoke_procedures` (
  `id` tinyint(4) NOT NULL,
  `version` int(11) NOT NULL,
  `checksum` char(64) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE `convoke_seat` (
  `id` tinyint(4) NOT NULL,
  `term` bigint(20) NOT NULL DEFAULT 0,
  `holder` varchar(100) DEFAULT NULL,
  `incarnation` bigint(20) NOT NULL DEFAULT 0,
  `promised_until_us` bigint(20) NOT NULL DEFAULT 0,
  `legacy` tinyint(4) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE `convoke_setting` (
  `name` varchar(100) NOT NULL,
  `value` longtext NOT NULL,
  `revision` bigint(20) NOT NULL,
  `written_us` bigint(20) NOT NULL,
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE `qtopology_message` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `worker` varchar(100) NOT NULL,
  `cmd` varchar(100) NOT NULL,
  `content` longtext NOT NULL,
  `created` datetime(6) NOT NULL,
  `valid_until` datetime(6) NOT NULL,
  `sent_us` bigint(20) NOT NULL DEFAULT timestampdiff(MICROSECOND,'1970-01-01',utc_timestamp(6)),
  `expires_us` bigint(20) NOT NULL DEFAULT (timestampdiff(MICROSECOND,'1970-01-01',utc_timestamp(6)) + timestampdiff(MICROSECOND,`created`,`valid_until`)),
  `visible_from_us` bigint(20) NOT NULL DEFAULT 0,
  `attempts` int(10) unsigned NOT NULL DEFAULT 0,
  `token` binary(16) DEFAULT NULL,
  `claim` bigint(20) unsigned DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_convoke_message_queue` (`worker`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE `qtopology_settings` (
  `name` varchar(100) NOT NULL,
  `value` longtext NOT NULL,
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE `qtopology_topology` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `uuid` varchar(100) NOT NULL,
  `config` longtext NOT NULL,
  `status` varchar(10) NOT NULL,
  `worker` varchar(100) DEFAULT NULL,
  `weight` double NOT NULL,
  `worker_affinity` text DEFAULT NULL,
  `last_ping` datetime(6) NOT NULL,
  `error` text DEFAULT NULL,
  `enabled` tinyint(4) NOT NULL,
  `pid` bigint(20) DEFAULT NULL,
  `affinity` longtext DEFAULT NULL,
  `since_us` bigint(20) NOT NULL DEFAULT timestampdiff(MICROSECOND,'1970-01-01',utc_timestamp(6)),
  `revision` bigint(20) NOT NULL DEFAULT 0,
  `waiting_us` bigint(20) GENERATED ALWAYS AS (if(`status` = 'waiting',`since_us`,NULL)) STORED,
  PRIMARY KEY (`uuid`),
  KEY `ix_convoke_topology_id` (`id`),
  KEY `ix_convoke_topology_waiting` (`waiting_us`,`uuid`),
  KEY `ix_convoke_topology_held` (`worker`,`uuid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE `qtopology_topology_history` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `ts` datetime(6) NOT NULL,
  `uuid` varchar(100) NOT NULL,
  `status` varchar(10) NOT NULL,
  `worker` varchar(100) DEFAULT NULL,
  `weight` double NOT NULL,
  `worker_affinity` text DEFAULT NULL,
  `error` text DEFAULT NULL,
  `enabled` tinyint(4) NOT NULL,
  `pid` bigint(20) DEFAULT NULL,
  `affinity` longtext DEFAULT NULL,
  `at_us` bigint(20) NOT NULL DEFAULT timestampdiff(MICROSECOND,'1970-01-01',utc_timestamp(6)),
  PRIMARY KEY (`id`),
  KEY `ix_convoke_topology_history` (`uuid`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE `qtopology_worker` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(100) NOT NULL,
  `status` varchar(10) NOT NULL,
  `last_ping` datetime(6) NOT NULL,
  `lstatus` varchar(10) NOT NULL,
  `incarnation` bigint(20) NOT NULL DEFAULT 0,
  `last_ping_us` bigint(20) NOT NULL DEFAULT timestampdiff(MICROSECOND,'1970-01-01',utc_timestamp(6)),
  `candidacy_us` bigint(20) DEFAULT NULL,
  `revision` bigint(20) NOT NULL DEFAULT 0,
  `heard_slot` bigint(20) GENERATED ALWAYS AS (`last_ping_us` DIV 10000000) STORED,
  `gone` tinyint(4) DEFAULT NULL,
  PRIMARY KEY (`name`),
  KEY `ix_convoke_worker_candidacy` (`candidacy_us`),
  KEY `ix_convoke_worker_heard` (`status`,`heard_slot`),
  KEY `ix_convoke_worker_gone` (`gone`,`name`),
  KEY `ix_convoke_worker_id` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE `qtopology_worker_history` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `ts` datetime(6) NOT NULL,
  `name` varchar(100) NOT NULL,
  `status` varchar(10) NOT NULL,
  `lstatus` varchar(10) NOT NULL,
  `at_us` bigint(20) NOT NULL DEFAULT timestampdiff(MICROSECOND,'1970-01-01',utc_timestamp(6)),
  `incarnation` bigint(20) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`),
  KEY `ix_qtopology_worker_history_nt` (`name`,`ts`),
  KEY `ix_convoke_worker_history` (`name`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
