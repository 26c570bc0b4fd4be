-- Part of a step that holds the worker: the old client takes one message each two seconds, so those that tell it to start or to stop
-- one topology each, and are due one behind the other from p_first on, become one message at their head: start_topologies or
-- stop_topologies, which it knows. At most 100; what is due behind another command keeps its place.
CREATE PROCEDURE convoke_gather_alike(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_first BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
gather: BEGIN
  DECLARE v_command VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_other BIGINT;
  DECLARE v_gathered INT;
  DECLARE v_created DATETIME(6);
  DECLARE v_uuids LONGTEXT CHARACTER SET utf8mb4;
  DECLARE v_stops LONGTEXT CHARACTER SET utf8mb4;

  SELECT cmd INTO v_command FROM qtopology_message WHERE id = p_first;
  IF v_command NOT IN ('start_topology', 'stop_topology') THEN
    LEAVE gather;
  END IF;
  SELECT MIN(due.id) INTO v_other FROM (
    SELECT id, cmd, content FROM qtopology_message FORCE INDEX (ix_convoke_message_queue)
      WHERE worker = p_name AND id >= p_first AND p_now < expires_us AND visible_from_us <= p_now ORDER BY id LIMIT 101
  ) AS due
  WHERE due.cmd <> v_command OR NOT JSON_VALID(due.content);
  -- Marked first, so that exactly those are deleted that were gathered, whatever is sent meanwhile.
  UPDATE qtopology_message FORCE INDEX (ix_convoke_message_queue)
    SET visible_from_us = -1
    WHERE worker = p_name AND id >= p_first AND id < COALESCE(v_other, 9223372036854775807)
      AND p_now < expires_us AND visible_from_us <= p_now AND cmd = v_command AND JSON_VALID(content)
    ORDER BY id LIMIT 100;
  SELECT COUNT(*), MAX(created), JSON_ARRAYAGG(JSON_UNQUOTE(JSON_EXTRACT(content, '$.uuid'))),
      JSON_ARRAYAGG(JSON_OBJECT('uuid', JSON_UNQUOTE(JSON_EXTRACT(content, '$.uuid'))))
    INTO v_gathered, v_created, v_uuids, v_stops
    FROM qtopology_message FORCE INDEX (ix_convoke_message_queue)
    WHERE worker = p_name AND id >= p_first AND visible_from_us = -1;
  IF v_gathered > 1 THEN
    DELETE m FROM qtopology_message AS m FORCE INDEX (ix_convoke_message_queue)
      WHERE m.worker = p_name AND m.id > p_first AND m.visible_from_us = -1;
    -- A worker heeds nothing that was made before it started: the newest counts.
    UPDATE qtopology_message
      SET cmd = IF(v_command = 'start_topology', 'start_topologies', 'stop_topologies'), created = v_created,
        content = IF(v_command = 'start_topology', CONCAT('{"uuids":', v_uuids, '}'), CONCAT('{"stop_topologies":', v_stops, '}'))
      WHERE id = p_first;
  END IF;
END
