-- core::Locks::acquire_lock, core::locks::decide_acquisition
-- Answers outcome 'acquired' or 'held', and the lock: owner, token, expires_us. Who finds it held waits for nobody; who may get it
-- holds the counter of tokens first, so that tokens grow in the order in which locks are granted.
CREATE PROCEDURE convoke_acquire_lock(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_owner VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_ttl BIGINT,
  IN p_max_swept INT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
acquire: BEGIN
  DECLARE v_now BIGINT DEFAULT COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  DECLARE v_owner VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_token BIGINT;
  DECLARE v_expires BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  SELECT owner, token, expires_us INTO v_owner, v_token, v_expires FROM convoke_lock WHERE name = p_name;
  IF v_now < v_expires THEN
    SELECT 'held' AS outcome, v_owner AS owner, v_token AS token, v_expires AS expires_us;
    LEAVE acquire;
  END IF;

  START TRANSACTION;
  SELECT value + 1 INTO v_token FROM convoke_counter WHERE name = 'lock' FOR UPDATE;
  SET v_expires = NULL;
  SELECT owner, expires_us INTO v_owner, v_expires FROM convoke_lock WHERE name = p_name FOR UPDATE;
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  IF v_now < v_expires THEN
    SELECT token INTO v_token FROM convoke_lock WHERE name = p_name;
    COMMIT;
    SELECT 'held' AS outcome, v_owner AS owner, v_token AS token, v_expires AS expires_us;
    LEAVE acquire;
  END IF;
  SET v_expires = v_now + p_ttl;
  UPDATE convoke_counter SET value = v_token WHERE name = 'lock';
  INSERT INTO convoke_lock (name, owner, token, expires_us) VALUES (p_name, p_owner, v_token, v_expires)
    ON DUPLICATE KEY UPDATE owner = p_owner, token = v_token, expires_us = v_expires;
  CALL convoke_sweep_locks(p_max_swept, v_now);
  COMMIT;
  SELECT 'acquired' AS outcome, p_owner AS owner, v_token AS token, v_expires AS expires_us;
END
