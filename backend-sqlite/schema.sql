-- Made by `cargo xtask schema` from migrations/*.sql. Do not edit.

CREATE TABLE convoke_arrival (
    id      INTEGER NOT NULL PRIMARY KEY,
    worker  TEXT    NOT NULL,
    expires INTEGER NOT NULL,
    sent    INTEGER NOT NULL,
    command TEXT    NOT NULL,
    content TEXT    NOT NULL
) STRICT;

CREATE TABLE convoke_counter (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE convoke_gone (
    worker TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE convoke_lock (
    name    TEXT    NOT NULL PRIMARY KEY,
    owner   TEXT    NOT NULL,
    token   INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX convoke_lock_expires ON convoke_lock (expires, name);

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

CREATE INDEX convoke_message_expires ON convoke_message (expires);

CREATE INDEX convoke_message_received ON convoke_message (worker, visible_from) WHERE attempts > 0;

CREATE TABLE convoke_migration (
    version  INTEGER NOT NULL PRIMARY KEY,
    name     TEXT    NOT NULL,
    checksum TEXT    NOT NULL,
    applied  INTEGER NOT NULL
) STRICT;

CREATE TABLE convoke_seat (
    id                 INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    term               INTEGER NOT NULL,
    holder             TEXT,
    holder_incarnation INTEGER,
    promised_until     INTEGER NOT NULL,
    CHECK ((holder IS NULL) = (holder_incarnation IS NULL))
) STRICT;

CREATE TABLE convoke_setting (
    key      TEXT    NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    written  INTEGER NOT NULL,
    value    TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE convoke_topology (
    id       TEXT    NOT NULL PRIMARY KEY,
    status   TEXT    NOT NULL,
    enabled  INTEGER NOT NULL,
    worker   TEXT,
    weight   REAL    NOT NULL,
    -- A JSON list, because names may hold commas.
    affinity TEXT    NOT NULL,
    pid      INTEGER,
    error    TEXT,
    since    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX convoke_topology_held ON convoke_topology (worker, id) WHERE worker IS NOT NULL;

CREATE INDEX convoke_topology_in_use ON convoke_topology (worker, id) WHERE status IN ('waiting', 'running');

CREATE INDEX convoke_topology_waiting ON convoke_topology (since, id) WHERE status = 'waiting';

CREATE TABLE convoke_topology_config (
    id     TEXT NOT NULL PRIMARY KEY,
    config TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE convoke_topology_history (
    topology TEXT    NOT NULL,
    number   INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    status   TEXT    NOT NULL,
    enabled  INTEGER NOT NULL,
    worker   TEXT,
    weight   REAL    NOT NULL,
    affinity TEXT    NOT NULL,
    pid      INTEGER,
    error    TEXT,
    PRIMARY KEY (topology, number)
) STRICT, WITHOUT ROWID;

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

CREATE INDEX convoke_worker_candidate ON convoke_worker (name) WHERE candidacy IS NOT NULL;

CREATE INDEX convoke_worker_listened_to ON convoke_worker (noted_ping, name) WHERE status IN ('alive', 'closing');

CREATE TABLE convoke_worker_history (
    worker      TEXT    NOT NULL,
    number      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    status      TEXT    NOT NULL,
    role        TEXT    NOT NULL,
    incarnation INTEGER NOT NULL,
    PRIMARY KEY (worker, number)
) STRICT, WITHOUT ROWID;
