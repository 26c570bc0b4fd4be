-- Begins a step that tells the worker of a topology something: locks the worker that has it (against being deleted, and against
-- receiving, so that messages keep their order), then the topology. Every step that locks both does it in this order.
-- Answers how it stands (p_status NULL: there is none), and the status of its worker (NULL: none, or not registered).
CREATE PROCEDURE convoke_hold_topology(
  IN p_uuid VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  OUT p_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  OUT p_enabled TINYINT,
  OUT p_worker VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  OUT p_pid BIGINT,
  OUT p_error TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  OUT p_worker_status VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_seen VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

  hold: LOOP
    START TRANSACTION;
    SET v_seen = NULL, p_status = NULL, p_worker = NULL, p_worker_status = NULL;
    SELECT worker INTO v_seen FROM qtopology_topology WHERE uuid = p_uuid;
    SELECT status INTO p_worker_status FROM qtopology_worker WHERE name = v_seen LOCK IN SHARE MODE;
    SELECT status, enabled <> 0, worker, pid, error INTO p_status, p_enabled, p_worker, p_pid, p_error
      FROM qtopology_topology WHERE uuid = p_uuid FOR UPDATE;
    IF p_worker <=> v_seen THEN
      LEAVE hold;
    END IF;
    -- It changed hands between the two looks.
    ROLLBACK;
  END LOOP;
END
