-- core::leadership::decide_resignation
-- Answers outcome 'resigned'; or 'lost' with who leads now (who, incarnation, term, until), NULLs for nobody.
CREATE PROCEDURE convoke_resign(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_incarnation BIGINT,
  IN p_term BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_holder VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_holding BIGINT;
  DECLARE v_term BIGINT;
  DECLARE v_promised BIGINT;
  DECLARE v_now BIGINT;
  DECLARE v_outcome VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin DEFAULT 'lost';
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
    UPDATE convoke_seat SET holder = NULL, promised_until_us = v_now WHERE id = 1;
    UPDATE qtopology_worker SET lstatus = '', revision = revision + 1 WHERE name = p_name;
    CALL convoke_record_worker(p_name, '', v_now);
    SET v_outcome = 'resigned';
  END IF;
  COMMIT;
  IF v_promised <= v_now THEN
    SET v_holder = NULL;
  END IF;
  SELECT v_outcome AS outcome, v_holder AS who, v_holding AS incarnation, v_term AS term, v_promised AS until_us;
END
