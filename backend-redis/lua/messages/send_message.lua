-- Puts a message at the end of a worker's queue. Restates core::leadership::check_leading where a term is given.
-- KEYS    records, counters, messages, ready, expiry, seat
-- ARGV    now (empty: this server's), worker, ttl in microseconds, "command NUL content", and where only the leader may
--         send this: its term
-- Answer  the id (16 digits) or "unknown" or "stale_term"
local records, counters, messages, ready, expiry, seat = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local now, worker, ttl, what, term = now_of(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]

if redis.call('HEXISTS', records, worker) == 0 then
  return 'unknown'
end
if term then
  local held = seat_of(seat)
  if not is_led(held, now) or held.term ~= term then
    return 'stale_term'
  end
end
local id, expires = ordered(redis.call('HINCRBY', counters, 'message', 1)), whole(now + ttl)
local member = worker .. '\0' .. id
redis.call('HSET', messages, id, expires .. ' ' .. whole(now) .. ' ' .. worker .. '\0' .. what)
redis.call('ZADD', ready, 0, member)
redis.call('ZADD', expiry, expires, member)
-- A hint that cannot be given must not fail what is done.
redis.pcall('PUBLISH', messages .. ':' .. worker, '')
return id
