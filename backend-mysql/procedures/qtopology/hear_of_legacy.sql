-- Part of a step of the old client: the worker pings, and is alive from now on when asked so. If it leads by the old rules,
-- its lead lasts ten seconds from now; a lead that ran out, whoever had it, is vacated, so that the old client, which looks
-- at lstatus only, need not wait 300 seconds for the next election. The seat is locked only when it changes.
CREATE PROCEDURE convoke_hear_of_legacy(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_revive TINYINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_now BIGINT DEFAULT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6));

  IF EXISTS (
    SELECT 1 FROM convoke_seat
      WHERE id = 1 AND holder IS NOT NULL AND (promised_until_us <= v_now OR (legacy = 1 AND holder = p_name))
  ) THEN
    SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) INTO v_now FROM convoke_seat WHERE id = 1 FOR UPDATE;
    CALL convoke_vacate_lapsed_lead(v_now);
    UPDATE convoke_seat
      SET promised_until_us = GREATEST(promised_until_us, v_now + 10000000)
      WHERE id = 1 AND legacy = 1 AND holder = p_name;
  END IF;
  UPDATE qtopology_worker
    SET status = IF(p_revive, 'alive', status), last_ping_us = v_now,
      last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
      revision = revision + 1
    WHERE name = p_name;
END
