-- Part of a step: what core's Topologies::register_topology does. Without an affinity the comma-joined list counts.
-- Answers whether there was none before.
CREATE PROCEDURE convoke_keep_topology(
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_config LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_weight DOUBLE,
  IN p_worker_affinity TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_affinity LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_now BIGINT,
  OUT p_is_new TINYINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_now BIGINT;
  -- Somebody registered it between the two statements.
  DECLARE CONTINUE HANDLER FOR 1062
  BEGIN
    SET p_is_new = 0;
    UPDATE qtopology_topology
      SET config = p_config, weight = p_weight, worker_affinity = p_worker_affinity, affinity = p_affinity,
        revision = revision + 1
      WHERE uuid = p_uuid;
  END;

  UPDATE qtopology_topology
    SET config = p_config, weight = p_weight, worker_affinity = p_worker_affinity, affinity = p_affinity,
      revision = revision + 1
    WHERE uuid = p_uuid;
  SET p_is_new = (ROW_COUNT() = 0);
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  IF p_is_new THEN
    INSERT INTO qtopology_topology
        (uuid, config, status, worker, weight, worker_affinity, affinity, last_ping, since_us, error, enabled, pid)
      VALUES (p_uuid, p_config, 'unassigned', NULL, p_weight, p_worker_affinity, p_affinity,
        CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
        v_now, NULL, 0, NULL);
  END IF;
  CALL convoke_record_topology(p_uuid, v_now);
END
