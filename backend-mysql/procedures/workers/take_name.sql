-- Part of a step: what core's Workers::register_worker does. The seat is locked first, as in every step that may change it.
CREATE PROCEDURE convoke_take_name(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_now BIGINT,
  OUT p_incarnation BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_holder VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_now BIGINT;

  SELECT holder INTO v_holder FROM convoke_seat WHERE id = 1 FOR UPDATE;
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  UPDATE convoke_counter SET value = value + 1 WHERE name = 'incarnation';
  SELECT value INTO p_incarnation FROM convoke_counter WHERE name = 'incarnation' FOR UPDATE;

  UPDATE qtopology_worker
    SET status = 'alive', lstatus = '', incarnation = p_incarnation, candidacy_us = NULL, last_ping_us = v_now,
      last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
      revision = revision + 1
    WHERE name = p_name;
  IF ROW_COUNT() = 0 THEN
    INSERT INTO qtopology_worker (name, status, lstatus, incarnation, last_ping_us, last_ping)
      VALUES (p_name, 'alive', '', p_incarnation, v_now,
        CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone));
  END IF;
  IF v_holder = p_name THEN
    UPDATE convoke_seat SET holder = NULL WHERE id = 1;
  END IF;
  CALL convoke_record_worker(p_name, '', v_now);
END
