-- core::Workers::refresh_statuses
-- Answers nothing when there is nothing to do (seen without a lock); else died, lapsed (JSON arrays of names), more,
-- vacated (a name or NULL), its term, and unassigned (a JSON array of ids).
CREATE PROCEDURE convoke_refresh_statuses(
  IN p_timeout_us BIGINT,
  IN p_waiting_us BIGINT,
  IN p_limit INT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
refresh: BEGIN
  DECLARE v_now BIGINT DEFAULT COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  DECLARE v_died LONGTEXT CHARACTER SET utf8mb4;
  DECLARE v_lapsed LONGTEXT CHARACTER SET utf8mb4;
  DECLARE v_unassigned LONGTEXT CHARACTER SET utf8mb4;
  DECLARE v_more TINYINT;
  DECLARE v_more_topologies TINYINT;
  DECLARE v_holder VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_after VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
  DECLARE v_term BIGINT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  IF NOT (
    EXISTS (
      SELECT 1 FROM qtopology_worker
        WHERE status = 'alive' AND heard_slot <= (v_now - p_timeout_us) DIV 10000000 AND last_ping_us <= v_now - p_timeout_us
    )
    OR EXISTS (
      SELECT 1 FROM qtopology_worker
        WHERE status = 'closing' AND heard_slot <= (v_now - p_timeout_us) DIV 10000000 AND last_ping_us <= v_now - p_timeout_us
    )
    OR EXISTS (SELECT 1 FROM qtopology_worker WHERE candidacy_us <= v_now)
    OR EXISTS (SELECT 1 FROM convoke_seat WHERE id = 1 AND holder IS NOT NULL AND promised_until_us <= v_now)
    OR EXISTS (SELECT 1 FROM qtopology_topology WHERE waiting_us <= v_now - p_waiting_us)
    OR EXISTS (SELECT 1 FROM qtopology_worker WHERE gone = 1)
  ) THEN
    LEAVE refresh;
  END IF;

  START TRANSACTION;
  SELECT holder, term INTO v_holder, v_term FROM convoke_seat WHERE id = 1 FOR UPDATE;
  SET v_now = COALESCE(p_now, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)));
  CALL convoke_bury_silent(p_timeout_us, p_limit, v_now, v_died, v_more);
  CALL convoke_vacate_lapsed_lead(v_now);
  CALL convoke_lapse_candidacies(v_now, v_lapsed);
  CALL convoke_take_away_topologies(p_waiting_us, p_limit, v_now, v_unassigned, v_more_topologies);
  SELECT holder INTO v_after FROM convoke_seat WHERE id = 1 FOR UPDATE;
  COMMIT;
  SELECT v_died AS died, v_lapsed AS lapsed, v_more OR v_more_topologies AS more,
    IF(v_after IS NULL, v_holder, NULL) AS vacated, v_term AS term, v_unassigned AS unassigned;
END
