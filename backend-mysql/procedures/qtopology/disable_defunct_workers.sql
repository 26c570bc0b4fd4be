-- Alive and closing workers that were silent for 30 seconds are dead, at most 1,000 a call. No result set.
CREATE PROCEDURE qtopology_sp_disable_defunct_workers()
SQL SECURITY INVOKER
BEGIN
  DECLARE v_now BIGINT;
  DECLARE v_died LONGTEXT CHARACTER SET utf8mb4;
  DECLARE v_more TINYINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) INTO v_now FROM convoke_seat WHERE id = 1 FOR UPDATE;
  CALL convoke_bury_silent(30000000, 1000, v_now, v_died, v_more);
  COMMIT;
END
