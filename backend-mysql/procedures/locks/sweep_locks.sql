-- Part of a step that holds the counter of tokens: drops at most p_max locks that ran out, the longest over first. Each is
-- dropped by its name, so that its rows are locked in the order in which a renewal locks them.
CREATE PROCEDURE convoke_sweep_locks(
  IN p_max INT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_done TINYINT DEFAULT 0;
  DECLARE c_over CURSOR FOR
    SELECT name FROM convoke_lock FORCE INDEX (ix_convoke_lock_expires)
      WHERE expires_us <= p_now ORDER BY expires_us, name LIMIT p_max;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_done = 1;

  OPEN c_over;
  sweep: LOOP
    FETCH c_over INTO v_name;
    IF v_done THEN
      LEAVE sweep;
    END IF;
    DELETE FROM convoke_lock WHERE name = v_name AND expires_us <= p_now;
  END LOOP;
  CLOSE c_over;
END
