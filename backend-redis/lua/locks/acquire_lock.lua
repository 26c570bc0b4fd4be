-- Takes a lock, or says who has it. Restates core::locks::decide_acquisition. Sweeps away a few that ran out.
-- KEYS    locks, lock_names, lock_ends, counters
-- ARGV    now (empty: this server's), name, owner, ttl in microseconds, how many others it sweeps away at most
-- Answer  {"acquired", lock} or {"held", lock}, each "token expires owner"
local locks, names, ends, counters = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now, name, owner, ttl, most = now_of(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]

local held = live_lock(locks, name, now)
if held then
  return { 'held', held }
end
local token = whole(redis.call('HINCRBY', counters, 'lock', 1))
redis.call('ZADD', names, 0, name)
local lock = keep_lock(locks, ends, name, token, now + ttl, owner)
for _, over in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', whole(now), 'LIMIT', 0, most)) do
  drop_lock(locks, names, ends, over)
end
return { 'acquired', lock }
