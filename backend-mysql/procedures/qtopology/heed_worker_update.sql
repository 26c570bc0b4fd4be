-- The old client sets status and lstatus by plain UPDATEs, with a time of its own clock. Each statement of ours raises the
-- revision; one that does not is the old client's, and means: heard of now; not alive: no candidacy, no lead; no more leader:
-- resigned (a lease that another client of ours holds stays promised); leader: takes the seat when it is free. Whoever says it, a
-- worker that is dead or unloaded is marked as gone (core::workers::is_gone) until it has another status.
CREATE TRIGGER convoke_heed_worker_update BEFORE UPDATE ON qtopology_worker FOR EACH ROW
BEGIN
  DECLARE v_now BIGINT;
  DECLARE v_free TINYINT;

  IF NEW.status <> OLD.status THEN
    SET NEW.gone = IF(NEW.status IN ('dead', 'unloaded'), 1, NULL);
  END IF;
  IF NEW.revision = OLD.revision THEN
    SET v_now = TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6));
    IF NEW.last_ping <> OLD.last_ping THEN
      SET NEW.last_ping_us = v_now;
      SET NEW.last_ping = CONVERT_TZ(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL v_now MICROSECOND, '+00:00', @@GLOBAL.time_zone);
    END IF;

    IF NEW.status <> 'alive' THEN
      SET NEW.candidacy_us = NULL;
      IF NEW.lstatus IN ('candidate', 'leader') THEN
        SET NEW.lstatus = '';
      END IF;
      IF OLD.lstatus = 'leader' THEN
        UPDATE convoke_seat SET holder = NULL WHERE id = 1 AND holder = OLD.name;
      END IF;
    ELSEIF OLD.lstatus = 'leader' AND NEW.lstatus = 'leader' THEN
      UPDATE convoke_seat
        SET promised_until_us = GREATEST(promised_until_us, v_now + 10000000)
        WHERE id = 1 AND legacy = 1 AND holder = OLD.name AND v_now < promised_until_us;
    ELSEIF OLD.lstatus = 'leader' THEN
      UPDATE convoke_seat
        SET holder = NULL, promised_until_us = IF(legacy, LEAST(promised_until_us, v_now), promised_until_us)
        WHERE id = 1 AND holder = OLD.name;
    ELSEIF NEW.lstatus = 'leader' THEN
      SELECT holder IS NULL AND promised_until_us <= v_now INTO v_free FROM convoke_seat WHERE id = 1 FOR UPDATE;
      IF v_free THEN
        UPDATE convoke_seat
          SET term = term + 1, holder = NEW.name, incarnation = NEW.incarnation,
            promised_until_us = v_now + 10000000, legacy = 1
          WHERE id = 1;
        SET NEW.candidacy_us = NULL;
      ELSE
        SET NEW.lstatus = OLD.lstatus;
      END IF;
    ELSEIF NEW.lstatus <> OLD.lstatus THEN
      SET NEW.candidacy_us = IF(NEW.lstatus = 'candidate', v_now + 10000000, NULL);
    END IF;
  END IF;
END
