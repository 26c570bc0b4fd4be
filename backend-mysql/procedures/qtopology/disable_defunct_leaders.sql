-- Vacates a lead that ran out. One whose worker is not alive was vacated when that was said. No result set.
CREATE PROCEDURE qtopology_sp_disable_defunct_leaders()
SQL SECURITY INVOKER
BEGIN
  DECLARE v_now BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) INTO v_now FROM convoke_seat WHERE id = 1 FOR UPDATE;
  CALL convoke_vacate_lapsed_lead(v_now);
  COMMIT;
END
