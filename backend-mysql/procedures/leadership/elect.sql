-- Part of a step that holds the seat: core::leadership::Verdict::Elect. All candidacies end, a lead that was left to run
-- out ends, and each whose role changes gets its row of history.
CREATE PROCEDURE convoke_elect(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_incarnation BIGINT,
  IN p_before VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_term BIGINT,
  IN p_until BIGINT,
  IN p_legacy TINYINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  UPDATE convoke_seat
    SET term = p_term, holder = p_name, incarnation = p_incarnation, promised_until_us = p_until, legacy = p_legacy
    WHERE id = 1;

  -- Whoever held the seat has no candidacy: standing for election gives it up.
  IF p_before <> p_name THEN
    UPDATE qtopology_worker SET lstatus = '', revision = revision + 1 WHERE name = p_before;
    CALL convoke_record_worker(p_before, '', p_now);
  END IF;
  INSERT INTO qtopology_worker_history (ts, name, status, lstatus, at_us, incarnation)
    SELECT CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL p_now MICROSECOND, '+00:00', @@GLOBAL.time_zone),
        name, status, '', p_now, incarnation
      FROM qtopology_worker FORCE INDEX (ix_convoke_worker_candidacy)
      WHERE candidacy_us IS NOT NULL AND name <> p_name FOR UPDATE;
  UPDATE qtopology_worker FORCE INDEX (ix_convoke_worker_candidacy)
    SET candidacy_us = NULL, lstatus = '', revision = revision + 1
    WHERE candidacy_us IS NOT NULL AND name <> p_name;

  UPDATE qtopology_worker
    SET candidacy_us = NULL, lstatus = 'leader', revision = revision + 1
    WHERE name = p_name;
  CALL convoke_record_worker(p_name, 'leader', p_now);
END
