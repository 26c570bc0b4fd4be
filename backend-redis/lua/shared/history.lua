-- Writes a row of history: name NUL number, then when, incarnation, status and role. Ordered by name, then number.
local function record_change(history, counters, name, now, incarnation, status, role)
  local number = redis.call('HINCRBY', counters, 'history', 1)
  local row = table.concat({ ordered(number), whole(now), incarnation, status, role }, ' ')
  redis.call('ZADD', history, 0, name .. '\0' .. row)
end
