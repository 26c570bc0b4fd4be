-- Part of a step: core::leadership::decide_announcement. Without an incarnation it is the latest that announces.
-- Answers an outcome and what belongs to it:
-- 'unknown'; 'stale'; 'not_alive' with the status in p_who; 'led_by' with p_who, p_incarnation, p_term, p_until;
-- 'announced' with p_until.
CREATE PROCEDURE convoke_decide_announcement(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  INOUT p_incarnation BIGINT,
  IN p_valid_for BIGINT,
  IN p_now BIGINT,
  OUT p_outcome VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  OUT p_who VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  OUT p_term BIGINT,
  OUT p_until BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_holder VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_holding BIGINT;
  DECLARE v_promised BIGINT;
  DECLARE v_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_incarnation BIGINT;
  DECLARE v_candidacy BIGINT;
  DECLARE v_now BIGINT;

  SELECT holder, incarnation, term, promised_until_us INTO v_holder, v_holding, p_term, v_promised
    FROM convoke_seat WHERE id = 1 FOR UPDATE;
  SELECT status, incarnation, candidacy_us INTO v_status, v_incarnation, v_candidacy
    FROM qtopology_worker WHERE name = p_name FOR UPDATE;
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  IF v_status IS NULL THEN
    SET p_outcome = 'unknown';
  ELSEIF p_incarnation <> v_incarnation THEN
    SET p_outcome = 'stale';
  ELSE
    UPDATE qtopology_worker
      SET last_ping_us = v_now,
        last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
        revision = revision + 1
      WHERE name = p_name;
    IF v_status <> 'alive' THEN
      SET p_outcome = 'not_alive', p_who = v_status;
    ELSEIF v_holder IS NOT NULL AND v_now < v_promised THEN
      SET p_outcome = 'led_by', p_who = v_holder, p_incarnation = v_holding, p_until = v_promised;
    ELSE
      SET p_outcome = 'announced', p_until = v_now + p_valid_for;
      CALL convoke_stand(p_name, p_until, v_candidacy, v_now);
    END IF;
  END IF;
END
