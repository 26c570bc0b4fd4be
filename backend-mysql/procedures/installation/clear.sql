-- core::Installation::clear: workers, leads, messages and the history of workers. Counters stay, and so does the promise of
-- the last lease.
CREATE PROCEDURE convoke_clear()
SQL SECURITY INVOKER
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  UPDATE convoke_seat SET holder = NULL WHERE id = 1;
  DELETE FROM qtopology_worker;
  DELETE FROM qtopology_message;
  DELETE FROM qtopology_worker_history;
  COMMIT;
END
