-- core::Messages::take_messages
-- Answers a row per message, outcome 'ok' first in each; or one row with outcome 'unknown' or 'stale'. The rows go out before
-- COMMIT, since they are gone after it: the driver takes them for an answer only when the whole call has ended well.
CREATE PROCEDURE convoke_take_messages(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_incarnation BIGINT,
  IN p_max INT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_outcome VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_last BIGINT;
  DECLARE v_now BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  -- Whoever receives is heard of. Assignments are made from left to right: both times are the same.
  UPDATE qtopology_worker
    SET last_ping_us = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))),
      last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL last_ping_us MICROSECOND, '+00:00', @@GLOBAL.time_zone),
      revision = revision + 1
    WHERE name = p_name AND incarnation = p_incarnation;
  IF ROW_COUNT() = 0 THEN
    SET v_outcome = IF(EXISTS (SELECT 1 FROM qtopology_worker WHERE name = p_name), 'stale', 'unknown');
  ELSEIF EXISTS (SELECT 1 FROM qtopology_message FORCE INDEX (ix_convoke_message_queue) WHERE worker = p_name) THEN
    SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
    CALL convoke_find_due(p_name, p_max, v_now, v_last);
    IF v_last IS NOT NULL THEN
      -- Marked first, so that exactly those are deleted that were answered, whatever is sent meanwhile.
      UPDATE qtopology_message FORCE INDEX (ix_convoke_message_queue)
        SET visible_from_us = -1
        WHERE worker = p_name AND id <= v_last AND v_now < expires_us AND visible_from_us <= v_now
        ORDER BY id LIMIT p_max;
      SELECT 'ok' AS outcome, id, cmd, content, sent_us, expires_us
        FROM qtopology_message FORCE INDEX (ix_convoke_message_queue)
        WHERE worker = p_name AND id <= v_last AND visible_from_us = -1 ORDER BY id;
      DELETE m FROM qtopology_message AS m FORCE INDEX (ix_convoke_message_queue)
        WHERE m.worker = p_name AND m.id <= v_last AND m.visible_from_us = -1;
    END IF;
  END IF;
  COMMIT;
  IF v_outcome IS NOT NULL THEN
    SELECT v_outcome AS outcome;
  END IF;
END
