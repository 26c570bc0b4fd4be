-- Comes before each file of migrations/ and applies it once, however many try at once: the script is the lock, and all of
-- it happens or nothing.
-- KEYS    schema, then those that the migration names
-- ARGV    the version that the migration leads to, its name, its checksum
-- Answer  "applied" or "passed": another was faster, or "narrow": this server's numbers are too short
local schema = KEYS[1]
local version, name, checksum = tonumber(ARGV[1]), ARGV[2], ARGV[3]

-- A server built for 32 bits formats whole numbers of 32 bits only.
if string.format('%d', 9007199254740991) ~= '9007199254740991' then
  return 'narrow'
end
local found = tonumber(redis.call('HGET', schema, 'version') or '0')
if found >= version then
  return 'passed'
end
redis.call('HSET', schema, 'version', version, name, checksum)
