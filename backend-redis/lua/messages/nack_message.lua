-- Gives a delivery back for later. Restates core::messages::check_receipt and Handling::released.
-- KEYS    records, messages, handling, ready, hidden, due
-- ARGV    now (empty: this server's), id (16 digits), worker, incarnation, token, delay in microseconds
-- Answer  "released" or "stale_receipt"
local records, messages, handling, ready, hidden, due = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local now, id, worker, incarnation, token = now_of(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local delay = tonumber(ARGV[6])

local attempts, visible_from = claim_of(records, handling, id, worker, incarnation, token, now)
if not attempts then
  return 'stale_receipt'
end
redis.call('HSET', handling, id, handling_of(attempts, now + delay, '-', worker))
redis.call('ZREM', due, due_of(worker, visible_from, id))
if delay == 0 then
  redis.call('ZREM', hidden, member_of(worker, id))
  redis.call('ZADD', ready, 0, member_of(worker, id))
  -- A hint that cannot be given must not fail what is done.
  redis.pcall('PUBLISH', messages .. ':' .. worker, '')
else
  redis.call('ZADD', due, 0, due_of(worker, now + delay, id))
end
return 'released'
