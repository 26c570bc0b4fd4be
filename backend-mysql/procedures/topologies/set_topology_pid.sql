-- core::Topologies::set_topology_pid, core::workers::check_registration
-- Answers nothing when it is accepted; else outcome 'unknown_worker', 'stale', 'unknown_topology', or 'not_held' with who has it (NULL: nobody).
CREATE PROCEDURE convoke_set_topology_pid(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_incarnation BIGINT,
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_pid BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_incarnation BIGINT;
  DECLARE v_is_held TINYINT;
  DECLARE v_outcome VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_holder VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_now BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  SET v_incarnation = (SELECT incarnation FROM qtopology_worker WHERE name = p_name LOCK IN SHARE MODE);
  SET v_is_held = (SELECT worker <=> p_name FROM qtopology_topology WHERE uuid = p_uuid FOR UPDATE);
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  IF v_incarnation IS NULL THEN
    SET v_outcome = 'unknown_worker';
  ELSEIF v_incarnation <> p_incarnation THEN
    SET v_outcome = 'stale';
  ELSEIF v_is_held IS NULL THEN
    SET v_outcome = 'unknown_topology';
  ELSEIF NOT v_is_held THEN
    SET v_outcome = 'not_held', v_holder = (SELECT worker FROM qtopology_topology WHERE uuid = p_uuid);
  ELSE
    UPDATE qtopology_topology
      SET last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
        pid = p_pid, revision = revision + 1
      WHERE uuid = p_uuid AND NOT (pid <=> p_pid);
    IF ROW_COUNT() = 1 THEN
      CALL convoke_record_topology(p_uuid, v_now);
    END IF;
  END IF;
  COMMIT;
  IF v_outcome IS NOT NULL THEN
    SELECT v_outcome AS outcome, v_holder AS who;
  END IF;
END
