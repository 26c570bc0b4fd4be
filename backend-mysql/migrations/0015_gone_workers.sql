-- Workers that are dead or unloaded and may have topologies that were not taken away yet are marked (1, else NULL), so that
-- looking for them costs what there is of them.
ALTER TABLE qtopology_worker
  ADD COLUMN gone TINYINT NULL DEFAULT NULL,
  ADD KEY ix_convoke_worker_gone (gone, name);

UPDATE qtopology_worker
  SET gone = 1, revision = revision + 1
  WHERE status IN ('dead', 'unloaded') AND gone IS NULL;
