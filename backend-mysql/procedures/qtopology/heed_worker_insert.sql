-- A plain INSERT of the old client's making that says who leads takes the seat when it is free, and is not believed when it is not.
CREATE TRIGGER convoke_heed_worker_insert BEFORE INSERT ON qtopology_worker FOR EACH ROW
BEGIN
  DECLARE v_now BIGINT;
  DECLARE v_free TINYINT;

  SET NEW.gone = IF(NEW.status IN ('dead', 'unloaded'), 1, NULL);
  IF NEW.lstatus = 'leader' THEN
    SELECT holder IS NULL AND promised_until_us <= TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) INTO v_free
      FROM convoke_seat WHERE id = 1 FOR UPDATE;
    SET v_now = TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6));
    IF v_free AND NEW.status = 'alive' THEN
      UPDATE convoke_seat
        SET term = term + 1, holder = NEW.name, incarnation = NEW.incarnation, promised_until_us = v_now + 10000000, legacy = 1
        WHERE id = 1;
    ELSE
      SET NEW.lstatus = '';
    END IF;
  END IF;
END
