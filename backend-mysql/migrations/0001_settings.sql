-- The settings of qtopology-mysql 2.2.1, made where they are not there, and widened.
CREATE TABLE IF NOT EXISTS qtopology_settings (
  name VARCHAR(100) NOT NULL,
  value MEDIUMTEXT NOT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

ALTER TABLE qtopology_settings CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
