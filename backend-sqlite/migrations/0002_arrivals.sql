-- A commit writes whole pages, so what counts is how many of them an operation touches.

-- Where messages arrive: at the end, whoever they are for, so that a commit of many sends touches one page or two. They
-- are sorted into their queues together, when somebody receives or when there are many: see arrivals.rs. Until then
-- the counter of messages stands at the latest one sorted; their ids are the numbers behind it.
CREATE TABLE convoke_arrival (
    id      INTEGER NOT NULL PRIMARY KEY,
    worker  TEXT    NOT NULL,
    expires INTEGER NOT NULL,
    sent    INTEGER NOT NULL,
    command TEXT    NOT NULL,
    content TEXT    NOT NULL
) STRICT;

ALTER TABLE convoke_worker RENAME TO convoke_worker_before;
DROP INDEX convoke_worker_listened_to;
DROP INDEX convoke_worker_candidate;

CREATE TABLE convoke_worker (
    name        TEXT    NOT NULL PRIMARY KEY,
    status      TEXT    NOT NULL,
    incarnation INTEGER NOT NULL,
    last_ping   INTEGER NOT NULL,
    -- When the announced candidacy lapses. It stays until somebody clears it, so it may be over already.
    candidacy   INTEGER,
    -- Never later than last_ping. Pings leave it alone, and with it the index; refreshing brings it up to date.
    noted_ping  INTEGER NOT NULL,
    -- The latest message that was ever received: those behind it never were, and all of those before it that are
    -- there were, or are expired.
    received    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO convoke_worker (name, status, incarnation, last_ping, candidacy, noted_ping, received)
SELECT name, status, incarnation, last_ping, candidacy, last_ping,
       ifnull((SELECT max(id) FROM convoke_message WHERE worker = name AND attempts > 0), 0)
FROM convoke_worker_before;

DROP TABLE convoke_worker_before;

-- Finds those that may have fallen silent without looking at anybody else.
CREATE INDEX convoke_worker_listened_to ON convoke_worker (noted_ping, name) WHERE status IN ('alive', 'closing');

-- Finds the greatest candidate, and those whose candidacy lapsed.
CREATE INDEX convoke_worker_candidate ON convoke_worker (name) WHERE candidacy IS NOT NULL;

-- Finds which of the messages that were received once can be received again. It is small, and sending does not touch
-- it. Where those that never were begin is in convoke_worker.received, on a page that receiving writes anyway.
DROP INDEX convoke_message_hidden;
DROP INDEX convoke_message_received;
CREATE INDEX convoke_message_received ON convoke_message (worker, visible_from) WHERE attempts > 0;
