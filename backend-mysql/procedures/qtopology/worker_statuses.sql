-- Answers lstatus and cnt, the number of workers with it.
CREATE PROCEDURE qtopology_sp_worker_statuses()
SQL SECURITY INVOKER
BEGIN
  SELECT lstatus, COUNT(*) AS cnt FROM qtopology_worker GROUP BY lstatus;
END
