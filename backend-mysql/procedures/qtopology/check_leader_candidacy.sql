-- Elects as core::Leadership::check_candidacy does; the lead lasts ten seconds from the last ping of its leader.
-- Answers status: 'leader' or ''.
CREATE PROCEDURE qtopology_sp_check_leader_candidacy(IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_incarnation BIGINT;
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
  CALL convoke_decide_candidacy(p_name, v_incarnation, NULL, 10000000, 1, NULL, v_outcome, v_who, v_term, v_until);
  COMMIT;
  SELECT IF(v_outcome = 'elected', 'leader', '') AS status;
END
