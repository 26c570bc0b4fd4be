-- core::Locks::release_lock, core::locks::decide_holding
-- Answers outcome 'released'; or 'lost' with who has the lock now (owner, token, expires_us), NULLs for nobody.
CREATE PROCEDURE convoke_release_lock(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_owner VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_token BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_owner VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_token BIGINT;
  DECLARE v_expires BIGINT;
  DECLARE v_outcome VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin DEFAULT 'lost';
  DECLARE v_now BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  SELECT owner, token, expires_us INTO v_owner, v_token, v_expires FROM convoke_lock WHERE name = p_name FOR UPDATE;
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  IF v_now < v_expires AND v_token = p_token AND v_owner = p_owner THEN
    SET v_outcome = 'released';
    DELETE FROM convoke_lock WHERE name = p_name;
  ELSEIF v_expires <= v_now THEN
    SET v_owner = NULL;
  END IF;
  COMMIT;
  SELECT v_outcome AS outcome, v_owner AS owner, v_token AS token, v_expires AS expires_us;
END
