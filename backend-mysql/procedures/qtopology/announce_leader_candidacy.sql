-- Announces a candidacy for ten seconds, as core::Leadership::announce_candidacy does. No result set.
CREATE PROCEDURE qtopology_sp_announce_leader_candidacy(IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin)
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
  CALL convoke_decide_announcement(p_name, v_incarnation, 10000000, NULL, v_outcome, v_who, v_term, v_until);
  COMMIT;
END
