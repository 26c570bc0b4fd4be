-- Part of a step that holds the seat: core::workers::is_silent. Alive and closing workers that were silent for p_timeout_us
-- are dead from now on, at most p_limit of them, the longest silent first. Answers their names as a JSON array.
CREATE PROCEDURE convoke_bury_silent(
  IN p_timeout_us BIGINT,
  IN p_limit INT,
  IN p_now BIGINT,
  OUT p_died LONGTEXT CHARACTER SET utf8mb4,
  OUT p_more TINYINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_buried INT DEFAULT 0;
  DECLARE v_done TINYINT DEFAULT 0;
  -- Each status is read from its end of the index, so that the cost is that of the silent ones.
  DECLARE c_silent CURSOR FOR
    SELECT name FROM (
      (SELECT name, last_ping_us FROM qtopology_worker
        WHERE status = 'alive' AND heard_slot <= (p_now - p_timeout_us) DIV 10000000
          AND last_ping_us <= p_now - p_timeout_us
        ORDER BY last_ping_us, name LIMIT 1001)
      UNION ALL
      (SELECT name, last_ping_us FROM qtopology_worker
        WHERE status = 'closing' AND heard_slot <= (p_now - p_timeout_us) DIV 10000000
          AND last_ping_us <= p_now - p_timeout_us
        ORDER BY last_ping_us, name LIMIT 1001)
    ) AS silent
    ORDER BY last_ping_us, name LIMIT 1001;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_done = 1;

  SET p_died = '[', p_more = 0;
  OPEN c_silent;
  bury: LOOP
    FETCH c_silent INTO v_name;
    IF v_done THEN
      LEAVE bury;
    END IF;
    IF v_buried = p_limit THEN
      SET p_more = 1;
      LEAVE bury;
    END IF;
    -- It may have been heard of since the cursor read it.
    UPDATE qtopology_worker
      SET status = 'dead', lstatus = '', candidacy_us = NULL, revision = revision + 1
      WHERE name = v_name AND status IN ('alive', 'closing') AND last_ping_us <= p_now - p_timeout_us;
    IF ROW_COUNT() = 1 THEN
      UPDATE convoke_seat SET holder = NULL WHERE id = 1 AND holder = v_name;
      CALL convoke_record_worker(v_name, '', p_now);
      SET p_died = CONCAT(p_died, IF(v_buried = 0, '', ','), JSON_QUOTE(v_name)), v_buried = v_buried + 1;
    END IF;
  END LOOP;
  CLOSE c_silent;
  SET p_died = CONCAT(p_died, ']');
END
