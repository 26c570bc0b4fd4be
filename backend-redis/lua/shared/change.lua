-- Where topologies are beside their record: `held` has "worker NUL id" of those that a worker has, `in_use` the same of
-- those that wait or run, `waiting` the ids of those that wait, by since when.

-- Writes rows of history: id NUL number, then when and what is shown. Ordered by id, then number.
local function record_topologies(keys, rows, now)
  local latest = redis.call('HINCRBY', keys.counters, 'history', #rows)
  local members = {}
  for index, row in ipairs(rows) do
    local number = ordered(latest - #rows + index)
    members[2 * index - 1] = 0
    members[2 * index] = row.id .. '\0' .. number .. ' ' .. whole(now) .. ' ' .. row.shown
  end
  redis.call('ZADD', keys.topology_history, unpack(members))
end

local function call_with(command, key, arguments)
  if #arguments > 0 then
    redis.call(command, key, unpack(arguments))
  end
end

-- Replaces topologies that there are, each with its row of history, 1,000 at most: {id, before, after}. One that shows
-- what it showed before is left as it is.
local function change(keys, changes, now)
  local records, rows, held, not_held, used, not_used = {}, {}, {}, {}, {}, {}
  local waiting, not_waiting = {}, {}
  local function put(list, score, member)
    list[#list + 1], list[#list + 2] = score, member
  end
  for _, it in ipairs(changes) do
    local id, before, after = it.id, it.before, it.after
    if after.shown ~= before.shown then
      put(records, id, after.since .. ' ' .. after.shown)
      rows[#rows + 1] = { id = id, shown = after.shown }
      local had, has = before.worker .. '\0' .. id, after.worker .. '\0' .. id
      if had ~= has and before.worker ~= '' then
        not_held[#not_held + 1] = had
      end
      if had ~= has and after.worker ~= '' then
        put(held, 0, has)
      end
      local was_used, is_used = is_in_use(before), is_in_use(after)
      if was_used and not (is_used and had == has) then
        not_used[#not_used + 1] = had
      end
      if is_used and not (was_used and had == has) then
        put(used, 0, has)
      end
      if after.status == 'waiting' then
        put(waiting, after.since, id)
      elseif before.status == 'waiting' then
        not_waiting[#not_waiting + 1] = id
      end
    end
  end
  if #rows > 0 then
    call_with('HSET', keys.topologies, records)
    call_with('ZREM', keys.held, not_held)
    call_with('ZADD', keys.held, held)
    call_with('ZREM', keys.in_use, not_used)
    call_with('ZADD', keys.in_use, used)
    call_with('ZREM', keys.waiting, not_waiting)
    call_with('ZADD', keys.waiting, waiting)
    record_topologies(keys, rows, now)
  end
end
