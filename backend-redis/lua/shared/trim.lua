-- How many rows one script drops before it stops.
local TRIM_STEP = 1000

-- The name and the time of a row of history, "name NUL number when …".
local function parse_row(row)
  local name, when = string.match(row, '^([^%z]+)%z%d+ (%d+) ')
  if not name then
    error(corrupt('a row of history does not begin with "name NUL number when"'))
  end
  return name, tonumber(when)
end

-- Drops the oldest rows of one name while they are over (core::Retention::is_over), `most` of them at most: how many.
local function trim_name(history, name, retention, most, now)
  local first, last = '[' .. name .. '\0', '(' .. name .. '\1'
  local newer = redis.call('ZLEXCOUNT', history, first, last) - 1
  -- Most histories have nothing to drop: one row tells.
  local dropped, newest_dropped, batch = 0, nil, 1
  while dropped < most do
    local from = newest_dropped and '(' .. newest_dropped or first
    local rows = redis.call('ZRANGEBYLEX', history, from, last, 'LIMIT', 0, math.min(batch, most - dropped))
    batch = 100
    for _, row in ipairs(rows) do
      local _, when = parse_row(row)
      local is_over = (retention.age and when + retention.age <= now) or (retention.rows and retention.rows <= newer)
      if not is_over then
        rows = {}
        break
      end
      dropped, newer, newest_dropped = dropped + 1, newer - 1, row
    end
    if #rows == 0 then
      break
    end
  end
  if newest_dropped then
    redis.call('ZREMRANGEBYLEX', history, first, '[' .. newest_dropped)
  end
  return dropped
end

-- Trims the histories of the next names, `names` of them at most: {"trimmed", how many rows were dropped, how many names
-- were visited, the last of them, 1 when there are more names, else 0}.
local function trim(history, after, names, retention, most, now)
  local dropped, visited, last = 0, 0, after
  local function next_row()
    local from = last == '' and '-' or '(' .. last .. '\1'
    return redis.call('ZRANGEBYLEX', history, from, '+', 'LIMIT', 0, 1)[1]
  end
  local oldest = next_row()
  while oldest and visited < names and dropped < TRIM_STEP do
    last, visited = parse_row(oldest), visited + 1
    dropped = dropped + trim_name(history, last, retention, most, now)
    oldest = next_row()
  end
  return { 'trimmed', dropped, visited, last, oldest and 1 or 0 }
end
