-- All three clean-ups, one after the other. No result set.
CREATE PROCEDURE qtopology_sp_refresh_statuses()
SQL SECURITY INVOKER
BEGIN
  CALL qtopology_sp_disable_defunct_workers();
  CALL qtopology_sp_disable_defunct_leaders();
  CALL qtopology_sp_unassign_waiting_topologies();
END
