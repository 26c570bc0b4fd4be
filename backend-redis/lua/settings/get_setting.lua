-- One setting.
-- KEYS    settings, values
-- ARGV    key
-- Answer  "absent" or {"setting", "revision written", value}
local settings, values = KEYS[1], KEYS[2]
local key = ARGV[1]

local setting = redis.call('HGET', settings, key)
if not setting then
  return 'absent'
end
return { 'setting', setting, redis.call('HGET', values, key) }
