-- Workers and topologies are kept in the order of their names, by which every statement of ours finds them and every list is
-- ordered: a page is read as it lies, and no row costs a second search. The number stays for the client of qtopology-mysql.
ALTER TABLE qtopology_worker
  DROP PRIMARY KEY,
  DROP KEY ux_convoke_worker_name,
  ADD PRIMARY KEY (name),
  ADD KEY ix_convoke_worker_id (id);

ALTER TABLE qtopology_topology
  DROP PRIMARY KEY,
  DROP KEY ux_convoke_topology_uuid,
  ADD PRIMARY KEY (uuid),
  ADD KEY ix_convoke_topology_id (id);
