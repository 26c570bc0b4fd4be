-- core::Messages::send_message, for several callers at once: of p_messages, a JSON array of arrays of worker, command, ttl, term
-- and the length of the content in bytes, those that can be sent without waiting for anybody's lock. The contents follow one another
-- in p_contents: in a column of JSON_TABLE they would make MariaDB write a temporary table to the disk. Answers one row, a text:
-- for each that was sent its number, from 1, and its id, as in '1=17 3=18 '. What is not among them is sent by
-- convoke_send_message, which waits or says why not. So nobody's lock holds up the messages to others, and no order of locks can
-- lead to a deadlock.
CREATE PROCEDURE convoke_send_messages(
  IN p_messages LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_contents LONGBLOB,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_now BIGINT DEFAULT COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  DECLARE v_created DATETIME(6)
    DEFAULT CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone);
  DECLARE v_number INT;
  DECLARE v_worker VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_command VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_ttl BIGINT;
  DECLARE v_term BIGINT;
  DECLARE v_bytes INT;
  DECLARE v_begin INT DEFAULT 1;
  DECLARE v_leading BIGINT;
  DECLARE v_sent TEXT DEFAULT '';
  DECLARE v_is_end BOOLEAN DEFAULT FALSE;
  DECLARE messages CURSOR FOR
    SELECT number, worker, command, ttl, term, bytes FROM JSON_TABLE(p_messages, '$[*]' COLUMNS (
      number FOR ORDINALITY,
      worker VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$[0]',
      command VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$[1]',
      ttl BIGINT PATH '$[2]',
      term BIGINT PATH '$[3]',
      bytes INT PATH '$[4]'
    )) AS message;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_is_end = TRUE;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  SET v_leading = (
    SELECT term FROM convoke_seat
      WHERE id = 1 AND holder IS NOT NULL AND v_now < promised_until_us LOCK IN SHARE MODE SKIP LOCKED
  );
  OPEN messages;
  sending: LOOP
    FETCH messages INTO v_number, v_worker, v_command, v_ttl, v_term, v_bytes;
    IF v_is_end THEN
      LEAVE sending;
    END IF;
    INSERT INTO qtopology_message (worker, cmd, content, sent_us, expires_us, created, valid_until)
      SELECT name, v_command, CONVERT(SUBSTRING(p_contents, v_begin, v_bytes) USING utf8mb4), v_now, v_now + v_ttl, v_created, v_created + INTERVAL v_ttl MICROSECOND
      FROM qtopology_worker
      WHERE name = v_worker AND (v_term IS NULL OR v_term = v_leading) LOCK IN SHARE MODE SKIP LOCKED;
    IF ROW_COUNT() = 1 THEN
      SET v_sent = CONCAT(v_sent, v_number, '=', LAST_INSERT_ID(), ' ');
    END IF;
    SET v_begin = v_begin + v_bytes;
  END LOOP;
  CLOSE messages;
  COMMIT;
  SELECT v_sent AS sent;
END
