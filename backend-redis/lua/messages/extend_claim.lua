-- Keeps a delivery invisible for longer. Restates core::messages::check_receipt and Handling::extended.
-- KEYS    records, attempts, returns
-- ARGV    now (empty: this server's), id (16 digits), worker, incarnation, token, visibility in microseconds
-- Answer  {"extended", until} or "stale_receipt"
local records, attempts, returns = KEYS[1], KEYS[2], KEYS[3]
local now, id, worker, incarnation, token = now_of(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local ends = now + tonumber(ARGV[6])

local count, visible_from = claim_of(records, attempts, id, worker, incarnation, token, now)
if not count then
  return 'stale_receipt'
end
redis.call('HSET', attempts, id, attempts_of(count, ends, token, worker))
redis.call('ZREM', returns, return_of(worker, visible_from, id))
redis.call('ZADD', returns, 0, return_of(worker, ends, id))
return { 'extended', whole(ends) }
