-- Puts messages at the ends of queues, 1,000 at most: {worker, ttl, what}, where what is "command NUL content". Answers
-- their ids.
local function tell_all(keys, told, now)
  local latest = redis.call('HINCRBY', keys.counters, 'message', #told)
  local ids, sent = {}, ' ' .. whole(now) .. ' '
  local messages, ready, expiry, workers, is_listed = {}, {}, {}, {}, {}
  for index, it in ipairs(told) do
    local id = ordered(latest - #told + index)
    local member, expires = member_of(it.worker, id), whole(now + it.ttl)
    ids[index] = id
    messages[2 * index - 1], messages[2 * index] = id, expires .. sent .. it.worker .. '\0' .. it.what
    ready[2 * index - 1], ready[2 * index] = 0, member
    expiry[2 * index - 1], expiry[2 * index] = expires, member
    if not is_listed[it.worker] then
      is_listed[it.worker] = true
      workers[#workers + 1] = it.worker
    end
  end
  redis.call('HSET', keys.messages, unpack(messages))
  redis.call('ZADD', keys.ready, unpack(ready))
  redis.call('ZADD', keys.expiry, unpack(expiry))
  for _, worker in ipairs(workers) do
    -- A hint that cannot be given must not fail what is done.
    redis.pcall('PUBLISH', keys.messages .. ':' .. worker, '')
  end
  return ids
end

-- Tells the worker that has a topology something about it, if it is registered: {"told", worker}, else {"told"}.
local function tell(keys, worker, what, ttl, now)
  if worker == '' or redis.call('HEXISTS', keys.records, worker) == 0 then
    return { 'told' }
  end
  tell_all(keys, { { worker = worker, ttl = ttl, what = what } }, now)
  return { 'told', worker }
end
