-- Heard of, and claims the oldest message for 30 seconds, in which the old client deletes it by its id: two readers of one
-- queue get two messages. What is alike at the head of the queue is one message. Answers id, cmd, content, created: one row at most.
CREATE PROCEDURE qtopology_sp_messages_for_worker(IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_now BIGINT;
  DECLARE v_last BIGINT;
  DECLARE v_token BINARY(16) DEFAULT UNHEX(REPLACE(UUID(), '-', ''));
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  -- Sessions of the old client read from a snapshot, which would show messages that another reader has claimed meanwhile.
  SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
  START TRANSACTION;
  CALL convoke_hear_of_legacy(p_name, FALSE);
  SET v_now = TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6));
  CALL convoke_find_due(p_name, 1, v_now, v_last);
  IF v_last IS NOT NULL THEN
    CALL convoke_gather_alike(p_name, v_last, v_now);
    UPDATE qtopology_message
      SET token = v_token, attempts = attempts + 1, visible_from_us = v_now + 30000000
      WHERE id = v_last AND visible_from_us <= v_now;
  END IF;
  COMMIT;
  SELECT id, cmd, content, created FROM qtopology_message WHERE id = v_last AND token = v_token;
END
