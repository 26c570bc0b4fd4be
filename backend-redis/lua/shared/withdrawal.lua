-- Adds to `ids` what waits for workers that are gone or runs on them, by worker and id, until there is one more than
-- `most`. Answers the workers that it looked at.
local function add_of_gone(keys, ids, most)
  local is_listed, visited, from = {}, {}, '-'
  for _, id in ipairs(ids) do
    is_listed[id] = true
  end
  while #ids <= most do
    local workers = redis.call('ZRANGEBYLEX', keys.gone, from, '+', 'LIMIT', 0, 100)
    for _, worker in ipairs(workers) do
      local first, last = '[' .. worker .. '\0', '(' .. worker .. '\1'
      for _, member in ipairs(redis.call('ZRANGEBYLEX', keys.in_use, first, last, 'LIMIT', 0, most + 1)) do
        local id = string.sub(member, #worker + 2)
        if not is_listed[id] and #ids <= most then
          ids[#ids + 1] = id
        end
      end
      visited[#visited + 1] = worker
      if #ids > most then
        break
      end
    end
    if #workers < 100 then
      break
    end
    from = '(' .. workers[#workers]
  end
  return visited
end

-- Takes topologies away: those that waited too long (core::Topology::is_overdue), then those of workers that are gone.
-- Answers which, and 1 when there are more, else 0.
local function take_away(keys, timeout, most, now)
  local ids = redis.call('ZRANGEBYSCORE', keys.waiting, '-inf', whole(now - timeout), 'LIMIT', 0, most + 1)
  local visited = add_of_gone(keys, ids, most)
  local more = 0
  if #ids > most then
    ids[#ids], more = nil, 1
  end
  if #ids > 0 then
    local changes = {}
    for index, record in ipairs(redis.call('HMGET', keys.topologies, unpack(ids))) do
      local before = parse_topology(record)
      changes[index] = { id = ids[index], before = before, after = released(before, now) }
    end
    change(keys, changes, now)
  end
  for _, worker in ipairs(visited) do
    if not has_in_use(keys.in_use, worker) then
      redis.call('ZREM', keys.gone, worker)
    end
  end
  return ids, more
end
