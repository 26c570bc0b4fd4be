-- Gives a delivery back for later. Restates core::messages::check_receipt and Handling::released.
-- KEYS    records, fresh, attempts, returned, invisible, returns
-- ARGV    now (empty: this server's), id (16 digits), worker, incarnation, token, delay in microseconds
-- Answer  "released" or "stale_receipt"
local records, fresh, attempts, returned = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local invisible, returns = KEYS[5], KEYS[6]
local now, id, worker, incarnation, token = now_of(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local delay = tonumber(ARGV[6])

local count, visible_from = claim_of(records, attempts, id, worker, incarnation, token, now)
if not count then
  return 'stale_receipt'
end
redis.call('HSET', attempts, id, attempts_of(count, now + delay, '-', worker))
redis.call('ZREM', returns, return_of(worker, visible_from, id))
if delay == 0 then
  redis.call('ZREM', invisible, member_of(worker, id))
  redis.call('ZADD', returned, 0, member_of(worker, id))
  -- A hint that cannot be given must not fail what is done.
  redis.pcall('PUBLISH', fresh .. ':' .. worker, '')
else
  redis.call('ZADD', returns, 0, return_of(worker, now + delay, id))
end
return 'released'
