-- core::Topologies::trim_topology_history, core::history::Retention::is_over
-- Visits at most p_limit names behind p_after that have a history, and drops of each at most p_max rows, the oldest first, until one
-- is to be kept. Answers how many rows were dropped, and the last name visited when there are more (else NULL). Only who appends to
-- one of these histories waits for it: the rows are locked with the gaps behind them, and no other row.
CREATE PROCEDURE convoke_trim_topology_history(
  IN p_age_us BIGINT,
  IN p_rows BIGINT,
  IN p_max INT,
  IN p_after VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_limit INT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_now BIGINT;
  DECLARE v_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin DEFAULT p_after;
  DECLARE v_next VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_last VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_visited INT DEFAULT 0;
  DECLARE v_dropped BIGINT DEFAULT 0;
  DECLARE v_too_many BIGINT;
  DECLARE v_kept BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  -- The level that locks gaps, and reads what is there when all are locked.
  SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
  START TRANSACTION;
  hold: LOOP
    SET v_next = NULL;
    SELECT uuid INTO v_next FROM qtopology_topology_history FORCE INDEX (ix_convoke_topology_history)
      WHERE uuid > v_name ORDER BY uuid, id LIMIT 1 FOR UPDATE;
    IF v_next IS NULL OR v_visited = p_limit THEN
      LEAVE hold;
    END IF;
    SELECT uuid, id INTO v_name, v_kept FROM qtopology_topology_history FORCE INDEX (ix_convoke_topology_history)
      WHERE uuid = v_next ORDER BY id DESC LIMIT 1 FOR UPDATE;
    SET v_visited = v_visited + 1;
  END LOOP;

  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  SET v_last = IF(v_next IS NULL, NULL, v_name), v_name = p_after;
  WHILE v_visited > 0 DO
    SET v_visited = v_visited - 1;
    SET v_name = (
      SELECT uuid FROM qtopology_topology_history FORCE INDEX (ix_convoke_topology_history) WHERE uuid > v_name ORDER BY uuid, id LIMIT 1
    );
    -- The newest row that has p_rows newer ones; it and all before it are too many.
    SET v_too_many = IF(p_rows IS NULL, 0, COALESCE((
      SELECT id FROM qtopology_topology_history FORCE INDEX (ix_convoke_topology_history)
        WHERE uuid = v_name ORDER BY id DESC LIMIT 1 OFFSET p_rows
    ), 0));
    -- The oldest row that is kept, when it is among those that one call could drop.
    SET v_kept = (
      SELECT MIN(oldest.id) FROM (
        SELECT id, at_us FROM qtopology_topology_history FORCE INDEX (ix_convoke_topology_history)
          WHERE uuid = v_name ORDER BY id LIMIT p_max
      ) AS oldest
      WHERE oldest.id > v_too_many AND (p_age_us IS NULL OR v_now < oldest.at_us + p_age_us)
    );
    DELETE FROM qtopology_topology_history
      WHERE uuid = v_name AND id < COALESCE(v_kept, 9223372036854775807) ORDER BY id LIMIT p_max;
    SET v_dropped = v_dropped + ROW_COUNT();
  END WHILE;
  COMMIT;
  SELECT v_dropped AS dropped, v_last AS last_visited;
END
