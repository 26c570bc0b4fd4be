-- Writes a batch of settings: all of it, or nothing when a key is not as expected. Restates
-- core::settings::Expected::is_met.
-- KEYS    settings, values, setting_keys, counters
-- ARGV    now (empty: this server's), then of each write: key, what it has to be like ("anything", "absent", "present" or
--         the revision that wrote it), "put" or "delete", value
-- Answer  {"written", revision} or {"mismatch", index of the write from 0} or {"mismatch", index, actual revision}
local settings, values, setting_keys, counters = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now = now_of(ARGV[1])

local function is_met(expected, actual)
  if expected == 'anything' then
    return true
  elseif expected == 'absent' then
    return not actual
  elseif expected == 'present' then
    return actual
  end
  return actual == expected
end

local written, order, its_settings, its_values, removed = {}, {}, {}, {}, {}
for at = 2, #ARGV, 4 do
  written[#written + 1] = ARGV[at]
end
for index, setting in ipairs(redis.call('HMGET', settings, unpack(written))) do
  local at = 4 * index - 2
  local actual = setting and revision_of(setting) or nil
  if not is_met(ARGV[at + 1], actual) then
    return { 'mismatch', index - 1, actual }
  end
end
local revision = whole(redis.call('HINCRBY', counters, 'revision', 1))
for index, key in ipairs(written) do
  local at = 4 * index - 2
  if ARGV[at + 2] == 'put' then
    order[#order + 1], order[#order + 2] = 0, key
    its_settings[#its_settings + 1], its_settings[#its_settings + 2] = key, revision .. ' ' .. whole(now)
    its_values[#its_values + 1], its_values[#its_values + 2] = key, ARGV[at + 3]
  else
    removed[#removed + 1] = key
  end
end
if #order > 0 then
  redis.call('ZADD', setting_keys, unpack(order))
  redis.call('HSET', settings, unpack(its_settings))
  redis.call('HSET', values, unpack(its_values))
end
if #removed > 0 then
  redis.call('ZREM', setting_keys, unpack(removed))
  redis.call('HDEL', settings, unpack(removed))
  redis.call('HDEL', values, unpack(removed))
end
return { 'written', revision }
