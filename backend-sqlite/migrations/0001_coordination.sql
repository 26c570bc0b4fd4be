-- Workers, leadership and messages. Times are microseconds since 1970-01-01T00:00:00Z.
-- Each name begins with convoke_, because the file may hold tables of the application as well.

-- Counters never go back, not even when everything else is deleted: fencing tokens come from them.
CREATE TABLE convoke_counter (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO convoke_counter (name, value) VALUES ('incarnation', 0), ('message', 0);

CREATE TABLE convoke_worker (
    name        TEXT    NOT NULL PRIMARY KEY,
    status      TEXT    NOT NULL,
    incarnation INTEGER NOT NULL,
    last_ping   INTEGER NOT NULL,
    -- When the announced candidacy lapses. It stays until somebody clears it, so it may be over already.
    candidacy   INTEGER
) STRICT, WITHOUT ROWID;

-- Finds those that fell silent without looking at anybody else.
CREATE INDEX convoke_worker_listened_to ON convoke_worker (last_ping, name) WHERE status IN ('alive', 'closing');

-- Finds the greatest candidate, and those whose candidacy lapsed.
CREATE INDEX convoke_worker_candidate ON convoke_worker (name) WHERE candidacy IS NOT NULL;

CREATE TABLE convoke_worker_history (
    worker      TEXT    NOT NULL,
    number      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    status      TEXT    NOT NULL,
    role        TEXT    NOT NULL,
    incarnation INTEGER NOT NULL,
    PRIMARY KEY (worker, number)
) STRICT, WITHOUT ROWID;

-- The one seat. Its term is a counter too.
CREATE TABLE convoke_seat (
    id                 INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    term               INTEGER NOT NULL,
    holder             TEXT,
    holder_incarnation INTEGER,
    promised_until     INTEGER NOT NULL,
    CHECK ((holder IS NULL) = (holder_incarnation IS NULL))
) STRICT;

INSERT INTO convoke_seat (id, term, promised_until) VALUES (1, 0, 0);

-- A queue is one run of neighbours in this table. The content comes last: it may spill to other pages, and whoever
-- only looks for something deliverable never reads it.
CREATE TABLE convoke_message (
    worker       TEXT    NOT NULL,
    id           INTEGER NOT NULL,
    visible_from INTEGER NOT NULL,
    expires      INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    token        BLOB,
    sent         INTEGER NOT NULL,
    command      TEXT    NOT NULL,
    content      TEXT    NOT NULL,
    PRIMARY KEY (worker, id)
) STRICT, WITHOUT ROWID;

-- Receiving takes the oldest first, so those that were received once come before those that never were. The first
-- index finds where the latter begin, the second one which of the former can be received again. Both are small, and
-- sending does not touch them.
CREATE INDEX convoke_message_received ON convoke_message (worker, id) WHERE visible_from > 0;
CREATE INDEX convoke_message_hidden ON convoke_message (worker, visible_from) WHERE visible_from > 0;

-- Finds what nobody will ever receive.
CREATE INDEX convoke_message_expires ON convoke_message (expires);
