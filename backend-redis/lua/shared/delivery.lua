-- Makes messages receivable whose invisibility is over, the longest over first. False when more of them are left.
local function release_due(keys, worker, now)
  local over = redis.call(
    'ZRANGEBYLEX', keys.due, '[' .. worker .. '\0', '(' .. worker .. '\0' .. ordered(now) .. '\1', 'LIMIT', 0, STEP
  )
  if #over == 0 then
    return true
  end
  local ids, members, ready, handlings = {}, {}, {}, {}
  for index, due in ipairs(over) do
    local id = string.sub(due, -16)
    ids[index] = id
    members[index] = member_of(worker, id)
    ready[2 * index - 1], ready[2 * index] = 0, members[index]
  end
  for index, handling in ipairs(redis.call('HMGET', keys.handling, unpack(ids))) do
    local attempts, visible_from = parse_handling(handling or '')
    handlings[2 * index - 1], handlings[2 * index] = ids[index], handling_of(attempts, visible_from, '-', worker)
  end
  moved = moved + #over
  redis.call('HSET', keys.handling, unpack(handlings))
  redis.call('ZREM', keys.due, unpack(over))
  redis.call('ZREM', keys.hidden, unpack(members))
  redis.call('ZADD', keys.ready, unpack(ready))
  return #over < STEP
end

-- Drops messages that nobody holds.
local function drop(keys, ids, members)
  moved = moved + #ids
  redis.call('ZREM', keys.ready, unpack(members))
  redis.call('ZREM', keys.expiry, unpack(members))
  redis.call('HDEL', keys.handling, unpack(ids))
  redis.call('HDEL', keys.messages, unpack(ids))
end

-- The oldest deliverable messages (core::messages::Handling::is_deliverable): ids, members and the messages. Drops
-- expired ones on the way; nothing when more of those stand in front than one step drops.
local function deliverable(keys, worker, max, now)
  local ids, members, messages, bytes, dropped = {}, {}, {}, 0, 0
  while #ids < max and bytes < GATHERED_BYTES do
    local wanted = math.min(max - #ids, 100)
    local waiting = redis.call(
      'ZRANGEBYLEX', keys.ready, '[' .. worker .. '\0', '(' .. worker .. '\1', 'LIMIT', #ids, wanted
    )
    if #waiting == 0 then
      break
    end
    local waiting_ids, gone_ids, gone = {}, {}, {}
    for index, member in ipairs(waiting) do
      waiting_ids[index] = string.sub(member, -16)
    end
    for index, message in ipairs(redis.call('HMGET', keys.messages, unpack(waiting_ids))) do
      if expires_of(message) <= now then
        gone_ids[#gone_ids + 1], gone[#gone + 1] = waiting_ids[index], waiting[index]
      else
        ids[#ids + 1], members[#members + 1], messages[#messages + 1] = waiting_ids[index], waiting[index], message
        bytes = bytes + #message
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
  return ids, members, messages
end
