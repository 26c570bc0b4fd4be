-- Until when the worker's stored candidacy stands; nothing when it has none.
local function candidacy_of(keys, name)
  local found = redis.call('ZSCORE', keys.candidates, name)
  return found and tonumber(found)
end

-- Stores a candidacy. Whoever stands has let go of a lead that ran out. A row, unless it is a live candidate already.
local function stand(keys, name, incarnation, held, ends, now)
  if held.worker == name then
    vacate(keys.seat)
  end
  local before = candidacy_of(keys, name)
  redis.call('ZADD', keys.candidates, whole(ends), name)
  redis.call('ZADD', keys.ranking, 0, name)
  if not before or before <= now then
    record_change(keys.history, keys.counters, name, now, incarnation, 'alive', 'candidate')
  end
end

-- The greatest live candidate with a greater name, and until when it stands. Costs what lapsed ones stand before it.
local function rival_of(keys, name, now)
  local skipped = 0
  while true do
    local greater = redis.call('ZREVRANGEBYLEX', keys.ranking, '+', '(' .. name, 'LIMIT', skipped, 100)
    for _, other in ipairs(greater) do
      local ends = candidacy_of(keys, other)
      if ends and now < ends then
        return other, ends
      end
    end
    if #greater < 100 then
      return nil
    end
    skipped = skipped + #greater
  end
end

-- Who loses by an election: all candidates, lapsed ones too, and a holder that had let its lease run out.
local function losers_of(keys, name, held)
  local losers, is_listed = {}, { [name] = true }
  for _, other in ipairs(redis.call('ZRANGE', keys.candidates, 0, -1)) do
    is_listed[other] = true
    if other ~= name then
      losers[#losers + 1] = other
    end
  end
  if held.worker and not is_listed[held.worker] then
    losers[#losers + 1] = held.worker
  end
  return losers
end

-- Verdict::Elect: the next term begins, and all candidacies end.
local function elect(keys, name, incarnation, held, ttl, now)
  local losers = losers_of(keys, name, held)
  local term, ends = whole(tonumber(held.term) + 1), whole(now + ttl)
  redis.call('DEL', keys.candidates, keys.ranking)
  redis.call('HSET', keys.seat, 'term', term, 'worker', name, 'incarnation', incarnation, 'until', ends)
  for _, loser in ipairs(losers) do
    local its_incarnation, its_status = record_of(keys.records, loser)
    if its_incarnation then
      record_change(keys.history, keys.counters, loser, now, its_incarnation, its_status, 'normal')
    end
  end
  record_change(keys.history, keys.counters, name, now, incarnation, 'alive', 'leader')
  return { 'elected', term, ends }
end

-- Restates core::leadership::decide_candidacy for a registration that is not stale, and does what its verdict says.
-- `candidacy` is until when its own candidacy stands; `is_new` says that it is announced now and stored when it waits.
local function decide_candidacy(keys, name, incarnation, status, candidacy, is_new, ttl, now)
  if status ~= 'alive' then
    return { 'not_alive', status }
  end
  local held = seat_of(keys.seat)
  if is_led(held, now) then
    if held.worker == name and held.incarnation == incarnation then
      local ends = whole(math.max(held.ends, now + ttl))
      redis.call('HSET', keys.seat, 'until', ends)
      return { 'elected', held.term, ends }
    end
    return with_leader('led_by', held, now)
  end
  if not candidacy or candidacy <= now then
    return 'not_announced'
  end
  local refusal
  if now < held.ends then
    refusal = { 'promised', whole(held.ends) }
  else
    local rival, ends = rival_of(keys, name, now)
    if not rival then
      return elect(keys, name, incarnation, held, ttl, now)
    end
    refusal = { 'outranked', rival, whole(ends) }
  end
  if is_new or held.worker == name then
    stand(keys, name, incarnation, held, candidacy, now)
  end
  return refusal
end
