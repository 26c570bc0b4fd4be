-- Forgets a worker and its messages. Restates core::workers::check_deletable. Costs what messages there are of it.
-- KEYS    names, records, unwatched, messages, handling, ready, hidden, due, expiry, in_use, gone
-- ARGV    worker
-- Answer  "deleted" or "unknown" or {"not_unloaded", status} or "in_use"
local names, records, unwatched = KEYS[1], KEYS[2], KEYS[3]
local messages, handling, ready, hidden, due, expiry = KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local in_use, gone = KEYS[10], KEYS[11]
local worker = ARGV[1]

local incarnation, status = record_of(records, worker)
if not incarnation then
  return 'unknown'
end
if status ~= 'unloaded' then
  return { 'not_unloaded', status }
end
if has_in_use(in_use, worker) then
  return 'in_use'
end
local first, last = '[' .. worker .. '\0', '(' .. worker .. '\1'
for _, index in ipairs({ ready, hidden }) do
  repeat
    local members = redis.call('ZRANGEBYLEX', index, first, last, 'LIMIT', 0, STEP)
    if #members > 0 then
      local ids = {}
      for position, member in ipairs(members) do
        ids[position] = string.sub(member, -16)
      end
      redis.call('ZREM', index, unpack(members))
      redis.call('ZREM', expiry, unpack(members))
      redis.call('HDEL', handling, unpack(ids))
      redis.call('HDEL', messages, unpack(ids))
    end
  until #members < STEP
end
redis.call('ZREMRANGEBYLEX', due, first, last)
redis.call('ZREM', names, worker)
redis.call('ZREM', unwatched, worker)
redis.call('ZREM', gone, worker)
redis.call('HDEL', records, worker)
return 'deleted'
