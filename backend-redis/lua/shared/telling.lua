-- Puts messages at the ends of queues, 1,000 at most: their `workers`, `ttls` and `whats` ("command NUL content") in
-- lists, and `refused`, the word for those that are not to be sent. Answers for each its id, "unknown" or that word.
local function tell_all(keys, told, now)
  local tails = redis.call('HMGET', keys.tails, unpack(told.workers))
  local answers, count = {}, 0
  for index, tail in ipairs(tails) do
    -- A worker has no tail before its first message.
    if not tail and redis.call('HEXISTS', keys.records, told.workers[index]) == 0 then
      answers[index] = 'unknown'
    elseif told.refused[index] then
      answers[index] = told.refused[index]
    else
      count = count + 1
    end
  end
  if count == 0 then
    return answers
  end
  local id = redis.call('HINCRBY', keys.counters, 'message', count) - count
  local sent = ' ' .. whole(now) .. ' '
  local workers, last_of, expires_by = {}, {}, {}
  local fresh, ends, blocks = {}, {}, {}
  for index, tail in ipairs(tails) do
    if not answers[index] then
      local worker, ttl = told.workers[index], told.ttls[index]
      local place = last_of[worker]
      if not place then
        place = tonumber(tail or '0')
        workers[#workers + 1] = worker
      end
      place = place + 1
      last_of[worker] = place
      local expires = expires_by[ttl]
      if not expires then
        expires = whole(now + ttl)
        expires_by[ttl] = expires
      end
      id = id + 1
      answers[index] = ordered(id)
      local name, at = place_of(worker, place), #fresh
      fresh[at + 1], fresh[at + 2] = name, answers[index] .. ' ' .. expires .. sent .. told.whats[index]
      if place % BLOCK == 1 then
        blocks[#blocks + 1], blocks[#blocks + 2] = expires, name
      end
    end
  end
  for index, worker in ipairs(workers) do
    ends[2 * index - 1], ends[2 * index] = worker, whole(last_of[worker])
  end
  redis.call('HSET', keys.fresh, unpack(fresh))
  redis.call('HSET', keys.tails, unpack(ends))
  if #blocks > 0 then
    redis.call('ZADD', keys.blocks, unpack(blocks))
  end
  for _, worker in ipairs(workers) do
    -- A hint that cannot be given must not fail what is done.
    redis.pcall('PUBLISH', keys.fresh .. ':' .. worker, '')
  end
  return answers
end

-- Tells the worker that has a topology something about it, if it is registered: {"told", worker}, else {"told"}.
local function tell(keys, worker, what, ttl, now)
  local told = { workers = { worker }, ttls = { ttl }, whats = { what }, refused = {} }
  if worker == '' or tell_all(keys, told, now)[1] == 'unknown' then
    return { 'told' }
  end
  return { 'told', worker }
end
