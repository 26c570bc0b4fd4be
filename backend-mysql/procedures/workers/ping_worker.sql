-- core::Workers::ping_worker, core::workers::check_registration
-- Answers nothing, or outcome 'unknown' or 'stale'. One statement is one transaction, so it needs no other.
CREATE PROCEDURE convoke_ping_worker(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_incarnation BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  -- Assignments are made from left to right: both times are the same.
  UPDATE qtopology_worker
    SET last_ping_us = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))),
      last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL last_ping_us MICROSECOND, '+00:00', @@GLOBAL.time_zone),
      revision = revision + 1
    WHERE name = p_name AND incarnation = p_incarnation;
  IF ROW_COUNT() = 0 THEN
    SELECT IF(EXISTS (SELECT 1 FROM qtopology_worker WHERE name = p_name), 'stale', 'unknown') AS outcome;
  END IF;
END
