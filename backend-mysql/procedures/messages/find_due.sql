-- Part of a step that holds the worker: core::messages::Handling::is_deliverable. Finds the end of the oldest p_max messages
-- that can be delivered (NULL: there are none), and drops those before it that are gone (core's Handling::is_gone).
CREATE PROCEDURE convoke_find_due(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_max INT,
  IN p_now BIGINT,
  OUT p_last BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_first_gone BIGINT;
  DECLARE v_last_gone BIGINT;

  SELECT MAX(due.id) INTO p_last FROM (
    SELECT id FROM qtopology_message FORCE INDEX (ix_convoke_message_queue)
      WHERE worker = p_name AND p_now < expires_us AND visible_from_us <= p_now ORDER BY id LIMIT p_max
  ) AS due;
  SELECT MIN(gone.id), MAX(gone.id) INTO v_first_gone, v_last_gone FROM (
    SELECT id FROM qtopology_message FORCE INDEX (ix_convoke_message_queue)
      WHERE worker = p_name AND id <= COALESCE(p_last, 9223372036854775807)
        AND expires_us <= p_now AND (token IS NULL OR visible_from_us <= p_now)
      ORDER BY id LIMIT 1000
  ) AS gone;
  IF v_first_gone IS NOT NULL THEN
    DELETE m FROM qtopology_message AS m FORCE INDEX (ix_convoke_message_queue)
      WHERE m.worker = p_name AND m.id BETWEEN v_first_gone AND v_last_gone
        AND m.expires_us <= p_now AND (m.token IS NULL OR m.visible_from_us <= p_now);
  END IF;
END
