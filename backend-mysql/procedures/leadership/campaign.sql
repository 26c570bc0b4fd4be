-- core::Leadership::campaign
-- Answers outcome, who, incarnation, term and until, as convoke_decide_candidacy says.
CREATE PROCEDURE convoke_campaign(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_incarnation BIGINT,
  IN p_announce BIGINT,
  IN p_ttl BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_incarnation BIGINT DEFAULT p_incarnation;
  DECLARE v_outcome VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_who VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_term BIGINT;
  DECLARE v_until BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  CALL convoke_decide_candidacy(p_name, v_incarnation, p_announce, p_ttl, 0, p_now, v_outcome, v_who, v_term, v_until);
  COMMIT;
  SELECT v_outcome AS outcome, v_who AS who, v_incarnation AS incarnation, v_term AS term, v_until AS until_us;
END
