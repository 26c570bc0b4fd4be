-- core::leadership::decide_renewal
-- Answers what convoke_decide_renewal does. A lease that has more than a second left, and gets longer, needs no look at it first,
-- unless the lock took as long to get.
CREATE PROCEDURE convoke_renew_lease(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_incarnation BIGINT,
  IN p_term BIGINT,
  IN p_ttl BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_now BIGINT DEFAULT COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  UPDATE convoke_seat SET promised_until_us = v_now + p_ttl
    WHERE id = 1 AND term = p_term AND holder = p_name AND incarnation = p_incarnation
      AND v_now + 1000000 < promised_until_us AND promised_until_us < v_now + p_ttl;
  IF ROW_COUNT() = 1
    AND (p_now IS NOT NULL OR TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) <= v_now + 1000000) THEN
    UPDATE qtopology_worker
      SET last_ping_us = v_now,
        last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
        revision = revision + 1
      WHERE name = p_name;
    COMMIT;
    SELECT v_now + p_ttl AS renewed_until_us;
  ELSE
    ROLLBACK;
    CALL convoke_decide_renewal(p_name, p_incarnation, p_term, p_ttl, p_now);
  END IF;
END
