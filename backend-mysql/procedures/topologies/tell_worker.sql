-- Part of a step that holds the worker: puts a message into its queue.
CREATE PROCEDURE convoke_tell_worker(
  IN p_worker VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_command VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_content LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_ttl BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_created DATETIME(6)
    DEFAULT CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL p_now MICROSECOND, '+00:00', @@GLOBAL.time_zone);

  INSERT INTO qtopology_message (worker, cmd, content, sent_us, expires_us, created, valid_until)
    VALUES (p_worker, p_command, p_content, p_now, p_now + p_ttl, v_created, v_created + INTERVAL p_ttl MICROSECOND);
END
