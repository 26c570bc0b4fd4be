-- Makes messages receivable whose invisibility is over, the longest over first. False when more of them are left.
local function release_due(keys, worker, now)
  local over = redis.call(
    'ZRANGEBYLEX', keys.returns, '[' .. worker .. '\0', '(' .. worker .. '\0' .. ordered(now) .. '\1', 'LIMIT', 0, STEP
  )
  if #over == 0 then
    return true
  end
  local ids, members, returned, tried = {}, {}, {}, {}
  for index, name in ipairs(over) do
    local id = string.sub(name, -16)
    ids[index] = id
    members[index] = member_of(worker, id)
    returned[2 * index - 1], returned[2 * index] = 0, members[index]
  end
  for index, found in ipairs(redis.call('HMGET', keys.attempts, unpack(ids))) do
    local attempts, visible_from = parse_attempts(found or '')
    tried[2 * index - 1], tried[2 * index] = ids[index], attempts_of(attempts, visible_from, '-', worker)
  end
  moved = moved + #over
  redis.call('HSET', keys.attempts, unpack(tried))
  redis.call('ZREM', keys.returns, unpack(over))
  redis.call('ZREM', keys.invisible, unpack(members))
  redis.call('ZADD', keys.returned, unpack(returned))
  return #over < STEP
end

-- Drops messages that came back and that nobody holds.
local function drop(keys, ids, members)
  moved = moved + #ids
  redis.call('ZREM', keys.returned, unpack(members))
  redis.call('ZREM', keys.expirations, unpack(members))
  redis.call('HDEL', keys.attempts, unpack(ids))
  redis.call('HDEL', keys.bodies, unpack(ids))
end

-- The oldest messages that came back and are deliverable (core::messages::Handling::is_deliverable): ids, members and
-- bodies. Drops expired ones on the way; nothing when more of those stand in front than one step drops.
local function returned_ones(keys, worker, max, now)
  local ids, members, bodies, bytes, largest, dropped = {}, {}, {}, 0, 0, 0
  while #ids < max and gathered + bytes < GATHERED_BYTES do
    local wanted = portion(max - #ids, gathered + bytes, largest)
    local waiting = redis.call(
      'ZRANGEBYLEX', keys.returned, '[' .. worker .. '\0', '(' .. worker .. '\1', 'LIMIT', #ids, wanted
    )
    if #waiting == 0 then
      break
    end
    local waiting_ids, gone_ids, gone = {}, {}, {}
    for index, member in ipairs(waiting) do
      waiting_ids[index] = string.sub(member, -16)
    end
    for index, body in ipairs(redis.call('HMGET', keys.bodies, unpack(waiting_ids))) do
      if expires_of(body) <= now then
        gone_ids[#gone_ids + 1], gone[#gone + 1] = waiting_ids[index], waiting[index]
      else
        ids[#ids + 1], members[#members + 1], bodies[#bodies + 1] = waiting_ids[index], waiting[index], body
        bytes, largest = bytes + #body, math.max(largest, #body)
      end
    end
    if #gone > 0 then
      drop(keys, gone_ids, gone)
      dropped = dropped + #gone
      if dropped >= STEP then
        return nil
      end
    end
    if #waiting < wanted then
      break
    end
  end
  moved, gathered = moved + #ids, gathered + bytes
  return ids, members, bodies
end

-- Forgets the blocks that ended between two heads of a queue.
local function forget_blocks(keys, worker, from, head)
  local ended = {}
  for first = first_of_block(from), head - BLOCK, BLOCK do
    ended[#ended + 1] = place_of(worker, first)
  end
  if #ended > 0 then
    redis.call('ZREM', keys.blocks, unpack(ended))
  end
end

-- The oldest messages that nobody was given: `ids`, `bodies`, when they expire (`ends`), the `places` up to the last of
-- them, the first of these (`from`), and `is_more`: none was found, but more places are left than one step looks at.
local function fresh_ones(keys, worker, max, now)
  local head, tail = ends_of(keys, worker)
  local from, seen, bytes, largest = head, {}, 0, 0
  local ids, bodies, ends = {}, {}, {}
  while head <= tail and #ids < max and gathered + bytes < GATHERED_BYTES and head - from < STEP do
    local wanted = math.min(portion(max - #ids, gathered + bytes, largest), tail - head + 1)
    local places = {}
    for index = 1, wanted do
      places[index] = place_of(worker, head + index - 1)
      seen[#seen + 1] = places[index]
    end
    for _, found in ipairs(redis.call('HMGET', keys.fresh, unpack(places))) do
      if found then
        local id, expires, body = parse_fresh(found, worker)
        if expires > now then
          ids[#ids + 1], bodies[#bodies + 1], ends[#ends + 1] = id, body, whole(expires)
          bytes, largest = bytes + #body, math.max(largest, #body)
        end
      end
    end
    head = head + wanted
  end
  moved, gathered = moved + #seen, gathered + bytes
  local is_more = #ids == 0 and head <= tail and #seen > 0
  return { ids = ids, bodies = bodies, ends = ends, places = seen, from = from, is_more = is_more }
end

-- Moves the head of a queue behind what `fresh_ones` found, which was dropped, taken or written elsewhere.
local function leave(keys, worker, found)
  local head = found.from + #found.places
  if head > found.from then
    redis.call('HDEL', keys.fresh, unpack(found.places))
    redis.call('HSET', keys.heads, worker, whole(head))
    forget_blocks(keys, worker, found.from, head)
  end
end
