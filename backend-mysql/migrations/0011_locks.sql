-- Locks, those that ran out and were not swept away yet included, and the counter of their tokens, which never goes back.
CREATE TABLE IF NOT EXISTS convoke_lock (
  name VARCHAR(100) NOT NULL,
  owner VARCHAR(100) NOT NULL,
  token BIGINT NOT NULL,
  expires_us BIGINT NOT NULL,
  PRIMARY KEY (name),
  KEY ix_convoke_lock_expires (expires_us, name)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

INSERT IGNORE INTO convoke_counter (name) VALUES ('lock');
