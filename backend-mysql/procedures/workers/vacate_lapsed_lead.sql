-- Part of a step that holds the seat: core::leadership::Seat::vacated, when the lease ran out.
CREATE PROCEDURE convoke_vacate_lapsed_lead(
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_holder VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

  SELECT holder INTO v_holder FROM convoke_seat
    WHERE id = 1 AND holder IS NOT NULL AND promised_until_us <= p_now FOR UPDATE;
  IF v_holder IS NOT NULL THEN
    UPDATE convoke_seat SET holder = NULL WHERE id = 1;
    UPDATE qtopology_worker SET lstatus = '', revision = revision + 1 WHERE name = v_holder;
    CALL convoke_record_worker(v_holder, '', p_now);
  END IF;
END
