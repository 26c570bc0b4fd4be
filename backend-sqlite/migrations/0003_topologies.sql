-- Topologies, locks, settings, and histories that are trimmed.

-- Tokens of locks and revisions of settings never go back. Histories number the rows of each name without a gap, so that
-- a row's number tells how many newer ones there are; a name whose rows were all dropped goes on behind this number,
-- the greatest that any such name had, so that none is given out twice.
INSERT INTO convoke_counter (name, value)
VALUES ('lock', 0), ('revision', 0), ('worker_history', 0), ('topology_history', 0);

-- Without the config, which may be long: each report would write it anew, and each list would step over it.
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

-- Lists what a worker has.
CREATE INDEX convoke_topology_held ON convoke_topology (worker, id) WHERE worker IS NOT NULL;

-- Finds what is to be taken from a worker that is gone, however much it has in error.
CREATE INDEX convoke_topology_in_use ON convoke_topology (worker, id) WHERE status IN ('waiting', 'running');

-- Finds those that wait for too long without looking at anybody else.
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

-- Workers that are dead or unloaded while topologies wait for them or run on them: what refreshing has to look at.
CREATE TABLE convoke_gone (
    worker TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE convoke_lock (
    name    TEXT    NOT NULL PRIMARY KEY,
    owner   TEXT    NOT NULL,
    token   INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Finds those that ran out.
CREATE INDEX convoke_lock_expires ON convoke_lock (expires, name);

CREATE TABLE convoke_setting (
    key      TEXT    NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    written  INTEGER NOT NULL,
    value    TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
