-- Our settings; those of qtopology-mysql stay in qtopology_settings. The counter of revisions never goes back.
CREATE TABLE IF NOT EXISTS convoke_setting (
  name VARCHAR(100) NOT NULL,
  value LONGTEXT NOT NULL,
  revision BIGINT NOT NULL,
  written_us BIGINT NOT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

INSERT IGNORE INTO convoke_counter (name) VALUES ('revision');
