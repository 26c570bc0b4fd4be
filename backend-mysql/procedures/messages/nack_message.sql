-- core::Messages::nack_message, core::messages::Handling::released, core::messages::check_receipt
-- Answers nothing, or outcome 'stale'. The worker is locked against registering anew.
CREATE PROCEDURE convoke_nack_message(
  IN p_id BIGINT,
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_incarnation BIGINT,
  IN p_token BINARY(16),
  IN p_delay BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_incarnation BIGINT;
  DECLARE v_settled INT DEFAULT 0;
  DECLARE v_now BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  SELECT incarnation INTO v_incarnation FROM qtopology_worker WHERE name = p_name LOCK IN SHARE MODE;
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  IF v_incarnation <=> p_incarnation THEN
    SELECT COUNT(*) INTO v_settled FROM qtopology_message
      WHERE id = p_id AND worker = p_name AND token = p_token AND v_now < visible_from_us FOR UPDATE;
    IF v_settled = 1 THEN
      UPDATE qtopology_message SET token = NULL, visible_from_us = v_now + p_delay WHERE id = p_id;
    END IF;
  END IF;
  COMMIT;
  IF v_settled = 0 THEN
    SELECT 'stale' AS outcome;
  END IF;
END
