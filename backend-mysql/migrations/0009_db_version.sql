-- The version that the client of qtopology-mysql 2.2.1 wants to see. Ours is in convoke_migration.
INSERT INTO qtopology_settings (name, value) VALUES ('db_version', '17')
  ON DUPLICATE KEY UPDATE value = '17';
