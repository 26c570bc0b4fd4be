-- Topologies that wait for 30 seconds, or for a worker that is dead or unloaded, or run on one, are unassigned, at most 1,000 a
-- call. No result set.
CREATE PROCEDURE qtopology_sp_unassign_waiting_topologies()
SQL SECURITY INVOKER
BEGIN
  DECLARE v_now BIGINT;
  DECLARE v_unassigned LONGTEXT CHARACTER SET utf8mb4;
  DECLARE v_more TINYINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  -- Sessions of the old client lock gaps between rows unless told otherwise.
  SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
  START TRANSACTION;
  SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) INTO v_now FROM convoke_seat WHERE id = 1 FOR UPDATE;
  CALL convoke_take_away_topologies(30000000, 1000, v_now, v_unassigned, v_more);
  COMMIT;
END
