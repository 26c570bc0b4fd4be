-- The one seat of leadership. It is the truth; qtopology_worker.lstatus shows it to the client of qtopology-mysql, whose
-- leads are marked legacy: they have no lease of their own and last ten seconds from the leader's last ping.
CREATE TABLE IF NOT EXISTS convoke_seat (
  id TINYINT NOT NULL,
  term BIGINT NOT NULL DEFAULT 0,
  holder VARCHAR(100) NULL DEFAULT NULL,
  incarnation BIGINT NOT NULL DEFAULT 0,
  promised_until_us BIGINT NOT NULL DEFAULT 0,
  legacy TINYINT NOT NULL DEFAULT 0,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

INSERT IGNORE INTO convoke_seat (id) VALUES (1);

-- ADOPT
-- Who leads by lstatus keeps its lead; of several, the one heard of last.
UPDATE convoke_seat AS s
  JOIN (
    SELECT name, last_ping_us FROM qtopology_worker
      WHERE lstatus = 'leader' AND status = 'alive' ORDER BY last_ping_us DESC, id DESC LIMIT 1
  ) AS w
  SET s.term = 1, s.holder = w.name, s.promised_until_us = w.last_ping_us + 10000000, s.legacy = 1
  WHERE s.id = 1 AND s.term = 0;

-- ADOPT
UPDATE qtopology_worker AS w
  JOIN convoke_seat AS s ON s.id = 1
  SET w.lstatus = ''
  WHERE w.lstatus NOT IN ('', 'normal') AND NOT (s.holder <=> w.name);
