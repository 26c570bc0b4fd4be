-- core::Installation::clear: workers, leads, topologies, messages, settings and the histories. Counters stay, and so do the promise
-- of the last lease and the locks. The seat, then the workers, are locked first, as in every step.
CREATE PROCEDURE convoke_clear()
SQL SECURITY INVOKER
BEGIN
  DECLARE v_locked BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  UPDATE convoke_seat SET holder = NULL WHERE id = 1;
  SELECT COUNT(*) INTO v_locked FROM qtopology_worker FOR UPDATE;
  DELETE FROM qtopology_topology;
  DELETE FROM qtopology_worker;
  DELETE FROM qtopology_message;
  DELETE FROM qtopology_worker_history;
  DELETE FROM qtopology_topology_history;
  SELECT value INTO v_locked FROM convoke_counter WHERE name = 'revision' FOR UPDATE;
  DELETE FROM convoke_setting;
  COMMIT;
END
