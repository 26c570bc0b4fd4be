-- Prolongs a live lease and notes that its holder lives. Restates core::leadership::decide_renewal.
-- KEYS    seat, watched
-- ARGV    now (empty: this server's), worker, incarnation, term, ttl in microseconds
-- Answer  {"renewed", until} or "lost" or {"lost", worker, incarnation, term, until} of who leads now
local seat, watched = KEYS[1], KEYS[2]
local now, worker, incarnation, term, ttl = now_of(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])

local held = seat_of(seat)
if not holds(held, term, worker, incarnation, now) then
  return with_leader('lost', held, now)
end
local ends = math.max(held.ends, now + ttl)
-- Of many that are asked for at once only the longest has something to write.
if ends > held.ends then
  redis.call('HSET', seat, 'until', whole(ends))
end
-- Whoever holds the seat is alive: every other status vacates it in the same step.
redis.call('ZADD', watched, whole(now), worker)
return { 'renewed', whole(ends) }
