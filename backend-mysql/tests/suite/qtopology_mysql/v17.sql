drop procedure if exists qtopology_sp_disable_defunct_leaders;
drop procedure if exists qtopology_sp_disable_defunct_workers;
drop procedure if exists qtopology_sp_leader_ping;
drop procedure if exists qtopology_sp_refresh_statuses;
drop procedure if exists qtopology_sp_unassign_waiting_topologies;
drop procedure if exists qtopology_sp_worker_statuses;
