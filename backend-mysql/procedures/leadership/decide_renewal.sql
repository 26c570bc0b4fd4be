-- A step of its own, core::leadership::decide_renewal: looks at the lease, then renews it or not.
-- Answers until when it is renewed, alone, since each column costs; or NULL and who leads now (who, incarnation, term, until), NULLs
-- for nobody.
CREATE PROCEDURE convoke_decide_renewal(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_incarnation BIGINT,
  IN p_term BIGINT,
  IN p_ttl BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_holder VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_holding BIGINT;
  DECLARE v_term BIGINT;
  DECLARE v_promised BIGINT;
  DECLARE v_now BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  SELECT holder, incarnation, term, promised_until_us INTO v_holder, v_holding, v_term, v_promised
    FROM convoke_seat WHERE id = 1 FOR UPDATE;
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  IF v_now < v_promised AND v_term = p_term AND v_holder = p_name AND v_holding = p_incarnation THEN
    SET v_promised = GREATEST(v_promised, v_now + p_ttl);
    UPDATE convoke_seat SET promised_until_us = v_promised WHERE id = 1;
    UPDATE qtopology_worker
      SET last_ping_us = v_now,
        last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
        revision = revision + 1
      WHERE name = p_name;
    COMMIT;
    SELECT v_promised AS renewed_until_us;
  ELSE
    COMMIT;
    IF v_promised <= v_now THEN
      SET v_holder = NULL;
    END IF;
    SELECT CAST(NULL AS SIGNED) AS renewed_until_us, v_holder AS who, v_holding AS incarnation, v_term AS term, v_promised AS until_us;
  END IF;
END
