-- Removes the installation in one step, schema and counters included.
-- KEYS    every key of the installation
-- ARGV    none
-- Answer  "reset"
redis.call('UNLINK', unpack(KEYS))
return 'reset'
