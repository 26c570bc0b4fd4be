-- Part of a step that holds the seat: candidacies whose time is over are cleared. Answers the names as a JSON array.
CREATE PROCEDURE convoke_lapse_candidacies(
  IN p_now BIGINT,
  OUT p_lapsed LONGTEXT CHARACTER SET utf8mb4
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_done TINYINT DEFAULT 0;
  DECLARE c_lapsed CURSOR FOR SELECT name FROM qtopology_worker WHERE candidacy_us <= p_now ORDER BY candidacy_us;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_done = 1;

  SET p_lapsed = '[';
  OPEN c_lapsed;
  lapse: LOOP
    FETCH c_lapsed INTO v_name;
    IF v_done THEN
      LEAVE lapse;
    END IF;
    UPDATE qtopology_worker
      SET candidacy_us = NULL, lstatus = '', revision = revision + 1
      WHERE name = v_name AND candidacy_us <= p_now;
    IF ROW_COUNT() = 1 THEN
      CALL convoke_record_worker(v_name, '', p_now);
      SET p_lapsed = CONCAT(p_lapsed, IF(p_lapsed = '[', '', ','), JSON_QUOTE(v_name));
    END IF;
  END LOOP;
  CLOSE c_lapsed;
  SET p_lapsed = CONCAT(p_lapsed, ']');
END
