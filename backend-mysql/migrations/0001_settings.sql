-- Each statement of a migration ends a line with its semicolon. Those under a line "-- ADOPT" run only where the tables of
-- qtopology-mysql 2.2.1 were there before; elsewhere the tables are made as they shall be.

-- The settings of qtopology-mysql.
CREATE TABLE IF NOT EXISTS qtopology_settings (
  name VARCHAR(100) NOT NULL,
  value LONGTEXT NOT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- ADOPT
ALTER TABLE qtopology_settings
  CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  MODIFY COLUMN value LONGTEXT NOT NULL;
