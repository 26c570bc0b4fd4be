-- Settles a delivery: the message is gone. Restates core::messages::check_receipt.
-- KEYS    records, messages, handling, hidden, due, expiry
-- ARGV    now (empty: this server's), id (16 digits), worker, incarnation, token
-- Answer  "acknowledged" or "stale_receipt"
local records, messages, handling, hidden, due, expiry = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local now, id, worker, incarnation, token = now_of(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local attempts, visible_from = claim_of(records, handling, id, worker, incarnation, token, now)
if not attempts then
  return 'stale_receipt'
end
redis.call('ZREM', hidden, member_of(worker, id))
redis.call('ZREM', due, due_of(worker, visible_from, id))
redis.call('ZREM', expiry, member_of(worker, id))
redis.call('HDEL', handling, id)
redis.call('HDEL', messages, id)
return 'acknowledged'
