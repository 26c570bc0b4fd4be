-- Drops messages whose time is over from queues that nobody receives from, a step of each kind.

-- Those that somebody was given and that nobody holds (core::messages::Handling::is_gone).
local function drop_expired(keys, now)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', keys.expirations, '-inf', whole(now), 'LIMIT', 0, STEP)) do
    local worker, id = string.match(member, '^(.+)%z(%d+)$')
    local found = redis.call('HGET', keys.attempts, id)
    local _, visible_from, token
    if found then
      _, visible_from, token = parse_attempts(found)
    end
    if found and token ~= '-' and now < visible_from then
      -- Claimed: looked at again when the claim ends.
      redis.call('ZADD', keys.expirations, whole(visible_from), member)
    else
      redis.call('ZREM', keys.expirations, member)
      redis.call('HDEL', keys.bodies, id)
      if redis.call('ZREM', keys.returned, member) == 0 then
        redis.call('ZREM', keys.invisible, member)
        redis.call('ZREM', keys.returns, return_of(worker, visible_from or 0, id))
      end
      redis.call('HDEL', keys.attempts, id)
    end
  end
end

-- The places of a block whose messages expired, and when the next of the others does, if there are others.
local function look_at_block(keys, worker, first, now)
  local places, over, next_end = {}, {}, nil
  for index = 1, BLOCK do
    places[index] = place_of(worker, first + index - 1)
  end
  for index, found in ipairs(redis.call('HMGET', keys.fresh, unpack(places))) do
    if found then
      local _, expires = parse_fresh(found, worker)
      if expires <= now then
        over[#over + 1] = places[index]
      else
        next_end = math.min(next_end or expires, expires)
      end
    end
  end
  return over, next_end
end

-- Those that nobody was given, block by block. A message that expires before the first of its block is dropped with that
-- one.
local function drop_expired_fresh(keys, now)
  for _, block in ipairs(redis.call('ZRANGEBYSCORE', keys.blocks, '-inf', whole(now), 'LIMIT', 0, STEP / BLOCK)) do
    local worker, first = string.match(block, '^(.+)%z(%d+)$')
    first = tonumber(first)
    local last = first + BLOCK - 1
    local over, next_end = look_at_block(keys, worker, first, now)
    if #over > 0 then
      redis.call('HDEL', keys.fresh, unpack(over))
    end
    if next_end then
      redis.call('ZADD', keys.blocks, whole(next_end), block)
    else
      -- Nothing is left of it. What comes next begins a block of its own, and who receives need not look at this one.
      redis.call('ZREM', keys.blocks, block)
      local head, tail = ends_of(keys, worker)
      if tail < last then
        redis.call('HSET', keys.tails, worker, whole(last))
      end
      if head >= first and head <= last then
        redis.call('HSET', keys.heads, worker, whole(last + 1))
      end
    end
  end
end
