-- Settles a delivery: the message is gone. Restates core::messages::check_receipt.
-- KEYS    records, bodies, attempts, invisible, returns, expirations
-- ARGV    now (empty: this server's), id (16 digits), worker, incarnation, token
-- Answer  "acknowledged" or "stale_receipt"
local records, bodies, attempts, invisible = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local returns, expirations = KEYS[5], KEYS[6]
local now, id, worker, incarnation, token = now_of(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local count, visible_from = claim_of(records, attempts, id, worker, incarnation, token, now)
if not count then
  return 'stale_receipt'
end
redis.call('ZREM', invisible, member_of(worker, id))
redis.call('ZREM', returns, return_of(worker, visible_from, id))
redis.call('ZREM', expirations, member_of(worker, id))
redis.call('HDEL', attempts, id)
redis.call('HDEL', bodies, id)
return 'acknowledged'
