-- Messages: the table of qtopology-mysql 2.2.1. Its client writes when a message was made and until when it is valid by
-- a clock of its own: only the length of time between them counts, from the server's clock on. A claim is the call that
-- made it: callers may use a token again.
CREATE TABLE IF NOT EXISTS qtopology_message (
  id BIGINT NOT NULL AUTO_INCREMENT,
  worker VARCHAR(100) NOT NULL,
  cmd VARCHAR(100) NOT NULL,
  content LONGTEXT NOT NULL,
  created DATETIME(6) NOT NULL,
  valid_until DATETIME(6) NOT NULL,
  sent_us BIGINT NOT NULL DEFAULT (TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))),
  expires_us BIGINT NOT NULL DEFAULT (TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))
    + TIMESTAMPDIFF(MICROSECOND, created, valid_until)),
  visible_from_us BIGINT NOT NULL DEFAULT 0,
  attempts INT UNSIGNED NOT NULL DEFAULT 0,
  token BINARY(16) NULL DEFAULT NULL,
  claim BIGINT UNSIGNED NULL DEFAULT NULL,
  PRIMARY KEY (id),
  KEY ix_convoke_message_queue (worker, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- ADOPT
ALTER TABLE qtopology_message
  CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  MODIFY COLUMN content LONGTEXT NOT NULL,
  MODIFY COLUMN created DATETIME(6) NOT NULL,
  MODIFY COLUMN valid_until DATETIME(6) NOT NULL,
  ADD COLUMN sent_us BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN expires_us BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN visible_from_us BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN attempts INT UNSIGNED NOT NULL DEFAULT 0,
  ADD COLUMN token BINARY(16) NULL DEFAULT NULL,
  ADD COLUMN claim BIGINT UNSIGNED NULL DEFAULT NULL,
  ADD KEY ix_convoke_message_queue (worker, id);

-- ADOPT
ALTER TABLE qtopology_message
  ALTER COLUMN sent_us SET DEFAULT (TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))),
  ALTER COLUMN expires_us SET DEFAULT (TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))
    + TIMESTAMPDIFF(MICROSECOND, created, valid_until));

-- ADOPT
UPDATE qtopology_message
  SET sent_us = TIMESTAMPDIFF(MICROSECOND, '1970-01-01', CONVERT_TZ(created, @@GLOBAL.time_zone, '+00:00')),
    expires_us = TIMESTAMPDIFF(MICROSECOND, '1970-01-01', CONVERT_TZ(valid_until, @@GLOBAL.time_zone, '+00:00'))
  WHERE sent_us = 0;
