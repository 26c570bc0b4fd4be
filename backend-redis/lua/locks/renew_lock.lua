-- Prolongs a lock that is held. Restates core::locks::{decide_holding, prolonged}.
-- KEYS    locks, lock_ends
-- ARGV    now (empty: this server's), name, owner, token, ttl in microseconds
-- Answer  {"renewed", lock} or "lost" or {"lost", lock} that somebody has now, each "token expires owner"
local locks, ends = KEYS[1], KEYS[2]
local now, name, owner, token, ttl = now_of(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])

local held, its_token, expires, its_owner = live_lock(locks, name, now)
if its_token ~= token or its_owner ~= owner then
  return { 'lost', held }
end
return { 'renewed', keep_lock(locks, ends, name, token, math.max(expires, now + ttl), owner) }
