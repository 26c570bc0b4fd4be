-- Counters that never go back, not even when everything else is cleared.
CREATE TABLE IF NOT EXISTS convoke_counter (
  name VARCHAR(100) NOT NULL,
  value BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

INSERT IGNORE INTO convoke_counter (name) VALUES ('incarnation');
