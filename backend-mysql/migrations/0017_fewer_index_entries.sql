-- What each change of a topology has to keep up is less: its status moves an entry of an index only when it begins or ends to wait,
-- which is all that is looked for by time; and history is found by name, whose few rows the client of qtopology-mysql has sorted by
-- time where it asks for that.
ALTER TABLE qtopology_topology
  ADD COLUMN waiting_us BIGINT GENERATED ALWAYS AS (IF(status = 'waiting', since_us, NULL)) STORED,
  ADD KEY ix_convoke_topology_waiting (waiting_us, uuid),
  DROP KEY ix_convoke_topology_since,
  DROP KEY ix_convoke_topology_held,
  ADD KEY ix_convoke_topology_held (worker, uuid);

ALTER TABLE qtopology_topology_history
  DROP KEY ix_qtopology_topology_history_ut;
