-- What core's Topologies::enable_topology and disable_topology do.
-- Answers nothing, or outcome 'unknown'.
CREATE PROCEDURE convoke_switch_topology(
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_enabled TINYINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_holder VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_pid BIGINT;
  DECLARE v_error TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_now BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  SELECT status, worker, pid, error INTO v_status, v_holder, v_pid, v_error
    FROM qtopology_topology WHERE uuid = p_uuid FOR UPDATE;
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  IF v_status IS NOT NULL THEN
    CALL convoke_change_topology(p_uuid, v_status, p_enabled, v_holder, v_pid, v_error, v_now);
  END IF;
  COMMIT;
  IF v_status IS NULL THEN
    SELECT 'unknown' AS outcome;
  END IF;
END
