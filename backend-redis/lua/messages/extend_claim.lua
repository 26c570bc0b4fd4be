-- Keeps a delivery invisible for longer. Restates core::messages::check_receipt and Handling::extended.
-- KEYS    records, handling, due
-- ARGV    now (empty: this server's), id (16 digits), worker, incarnation, token, visibility in microseconds
-- Answer  {"extended", until} or "stale_receipt"
local records, handling, due = KEYS[1], KEYS[2], KEYS[3]
local now, id, worker, incarnation, token = now_of(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local ends = now + tonumber(ARGV[6])

local attempts, visible_from = claim_of(records, handling, id, worker, incarnation, token, now)
if not attempts then
  return 'stale_receipt'
end
redis.call('HSET', handling, id, handling_of(attempts, ends, token, worker))
redis.call('ZREM', due, due_of(worker, visible_from, id))
redis.call('ZADD', due, 0, due_of(worker, ends, id))
return { 'extended', whole(ends) }
