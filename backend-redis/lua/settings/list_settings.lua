-- A page of settings, ordered by key. Stops early when their values are large.
-- KEYS    settings, values, setting_keys
-- ARGV    from where, up to where (bounds as ZRANGEBYLEX has them), how many
-- Answer  {"page", 1 when there may be more, else 0, {key, "revision written", value, key, …}}
local settings, values, setting_keys = KEYS[1], KEYS[2], KEYS[3]
local first, last, count = ARGV[1], ARGV[2], tonumber(ARGV[3])
-- How many bytes of values are gathered before it stops, and how many values are read at once.
local gathered_bytes, batch = 16777216, 16

local found = redis.call('ZRANGEBYLEX', setting_keys, first, last, 'LIMIT', 0, count)
local rows, bytes, read = {}, 0, 0
while read < #found and bytes < gathered_bytes do
  local ends = math.min(read + batch, #found)
  local its_settings = redis.call('HMGET', settings, unpack(found, read + 1, ends))
  local its_values = redis.call('HMGET', values, unpack(found, read + 1, ends))
  for index, value in ipairs(its_values) do
    if not value then
      error(corrupt('a setting is ordered and has no value'))
    end
    rows[#rows + 1], rows[#rows + 2], rows[#rows + 3] = found[read + index], its_settings[index], value
    bytes = bytes + #value
  end
  read = ends
end
return { 'page', read < #found and 1 or 0, rows }
