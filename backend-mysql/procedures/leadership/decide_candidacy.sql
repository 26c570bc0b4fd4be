-- Part of a step: core::leadership::decide_candidacy, and what its verdict asks for. p_announce is for how long a candidacy
-- is announced with it (NULL: the stored one counts). Without an incarnation it is the latest that asks.
-- Answers an outcome and what belongs to it:
-- 'unknown'; 'stale'; 'not_alive' with the status in p_who; 'led_by' with p_who, p_incarnation, p_term, p_until;
-- 'not_announced'; 'promised' with p_until; 'outranked' with p_who, p_until; 'elected' with p_incarnation, p_term, p_until.
CREATE PROCEDURE convoke_decide_candidacy(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  INOUT p_incarnation BIGINT,
  IN p_announce BIGINT,
  IN p_ttl BIGINT,
  IN p_legacy TINYINT,
  IN p_now BIGINT,
  OUT p_outcome VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  OUT p_who VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  OUT p_term BIGINT,
  OUT p_until BIGINT
)
SQL SECURITY INVOKER
decide: BEGIN
  DECLARE v_holder VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_holding BIGINT;
  DECLARE v_promised BIGINT;
  DECLARE v_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_incarnation BIGINT;
  DECLARE v_stored BIGINT;
  DECLARE v_candidacy BIGINT;
  DECLARE v_now BIGINT;

  SELECT holder, incarnation, term, promised_until_us INTO v_holder, v_holding, p_term, v_promised
    FROM convoke_seat WHERE id = 1 FOR UPDATE;
  SELECT status, incarnation, candidacy_us INTO v_status, v_incarnation, v_stored
    FROM qtopology_worker WHERE name = p_name FOR UPDATE;
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  IF v_status IS NULL THEN
    SET p_outcome = 'unknown';
    LEAVE decide;
  ELSEIF p_incarnation <> v_incarnation THEN
    SET p_outcome = 'stale';
    LEAVE decide;
  END IF;
  UPDATE qtopology_worker
    SET last_ping_us = v_now,
      last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
      revision = revision + 1
    WHERE name = p_name;

  IF v_status <> 'alive' THEN
    SET p_outcome = 'not_alive', p_who = v_status;
    LEAVE decide;
  END IF;
  IF v_holder IS NOT NULL AND v_now < v_promised THEN
    IF v_holder = p_name AND v_holding = v_incarnation THEN
      SET p_outcome = 'elected', p_incarnation = v_incarnation, p_until = GREATEST(v_promised, v_now + p_ttl);
      UPDATE convoke_seat SET promised_until_us = p_until WHERE id = 1;
    ELSE
      SET p_outcome = 'led_by', p_who = v_holder, p_incarnation = v_holding, p_until = v_promised;
    END IF;
    LEAVE decide;
  END IF;

  SET v_candidacy = COALESCE(v_now + p_announce, v_stored);
  IF v_candidacy IS NULL OR v_candidacy <= v_now THEN
    SET p_outcome = 'not_announced';
  ELSEIF v_now < v_promised THEN
    SET p_outcome = 'promised', p_until = v_promised;
    CALL convoke_stand(p_name, v_candidacy, v_stored, v_now);
  ELSE
    SELECT name, candidacy_us INTO p_who, p_until FROM qtopology_worker FORCE INDEX (ix_convoke_worker_candidacy)
      WHERE candidacy_us > v_now AND name > p_name ORDER BY name DESC LIMIT 1;
    IF p_who IS NOT NULL THEN
      SET p_outcome = 'outranked';
      CALL convoke_stand(p_name, v_candidacy, v_stored, v_now);
    ELSE
      SET p_outcome = 'elected', p_incarnation = v_incarnation, p_term = p_term + 1, p_until = v_now + p_ttl;
      CALL convoke_elect(p_name, v_incarnation, v_holder, p_term, p_until, p_legacy, v_now);
    END IF;
  END IF;
END
