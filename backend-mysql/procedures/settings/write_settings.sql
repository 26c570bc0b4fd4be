-- core::Settings::write_settings, core::settings::Expected::is_met
-- p_writes is a JSON array of objects: name; expected ('anything', 'absent', 'present' or 'revision'), with the revision; value
-- (as text; left out to remove the key). Answers outcome 'written' with the revision of the batch; or 'mismatch' with the name
-- of the first key that is not as expected, and its revision (NULL: it is not there). Whoever writes holds the counter of
-- revisions first: batches take effect one after the other, in the order of their revisions.
CREATE PROCEDURE convoke_write_settings(
  IN p_writes LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
write_all: BEGIN
  DECLARE v_now BIGINT;
  DECLARE v_revision BIGINT;
  DECLARE v_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_value LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_actual BIGINT;
  DECLARE v_done TINYINT DEFAULT 0;
  DECLARE c_writes CURSOR FOR
    SELECT name, value FROM JSON_TABLE(p_writes, '$[*]' COLUMNS (
      name VARCHAR(100) CHARACTER SET utf8mb4 PATH '$.name',
      value LONGTEXT CHARACTER SET utf8mb4 PATH '$.value'
    )) AS given;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_done = 1;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  SELECT value + 1 INTO v_revision FROM convoke_counter WHERE name = 'revision' FOR UPDATE;
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  SELECT given.name, s.revision INTO v_name, v_actual FROM JSON_TABLE(p_writes, '$[*]' COLUMNS (
      number FOR ORDINALITY,
      name VARCHAR(100) CHARACTER SET utf8mb4 PATH '$.name',
      expected VARCHAR(20) CHARACTER SET utf8mb4 PATH '$.expected',
      revision BIGINT PATH '$.revision'
    )) AS given
    LEFT JOIN convoke_setting AS s ON s.name = CONVERT(given.name USING utf8mb4) COLLATE utf8mb4_nopad_bin
    WHERE NOT CASE given.expected
      WHEN 'absent' THEN s.name IS NULL
      WHEN 'present' THEN s.name IS NOT NULL
      WHEN 'revision' THEN s.revision <=> given.revision
      ELSE TRUE
    END
    ORDER BY given.number LIMIT 1;
  IF v_name IS NOT NULL THEN
    ROLLBACK;
    SELECT 'mismatch' AS outcome, v_name AS name, v_actual AS revision;
    LEAVE write_all;
  END IF;

  UPDATE convoke_counter SET value = v_revision WHERE name = 'revision';
  SET v_done = 0;
  OPEN c_writes;
  write_each: LOOP
    FETCH c_writes INTO v_name, v_value;
    IF v_done THEN
      LEAVE write_each;
    END IF;
    IF v_value IS NULL THEN
      DELETE FROM convoke_setting WHERE name = v_name;
    ELSE
      INSERT INTO convoke_setting (name, value, revision, written_us) VALUES (v_name, v_value, v_revision, v_now)
        ON DUPLICATE KEY UPDATE value = v_value, revision = v_revision, written_us = v_now;
    END IF;
  END LOOP;
  CLOSE c_writes;
  COMMIT;
  SELECT 'written' AS outcome, NULL AS name, v_revision AS revision;
END
