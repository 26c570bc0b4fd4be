-- Part of a step that holds the seat: keeps a candidacy until then. Whoever stands has let go of a lead that ran out.
CREATE PROCEDURE convoke_stand(
  IN p_name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  IN p_until BIGINT,
  IN p_before BIGINT,
  IN p_now BIGINT
)
SQL SECURITY INVOKER
BEGIN
  UPDATE convoke_seat SET holder = NULL WHERE id = 1 AND holder = p_name;
  UPDATE qtopology_worker
    SET candidacy_us = p_until, lstatus = 'candidate', revision = revision + 1
    WHERE name = p_name;
  IF p_before IS NULL OR p_before <= p_now THEN
    CALL convoke_record_worker(p_name, 'candidate', p_now);
  END IF;
END
