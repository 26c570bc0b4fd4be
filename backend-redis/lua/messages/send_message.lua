-- Puts a message at the end of a worker's queue. Restates core::leadership::check_leading where a term is given.
-- KEYS    records, seat, counters, messages, ready, expiry
-- ARGV    now (empty: this server's), worker, term (empty: anybody may send), ttl in microseconds,
--         "worker NUL command NUL content", the channel of the worker's hints
-- Answer  {"sent", id} or {"unknown"} or {"stale_term"}
local records, seat, counters, messages, ready, expiry = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local now, worker, term, ttl, what, channel = now_of(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]

if redis.call('HEXISTS', records, worker) == 0 then
  return { 'unknown' }
end
if term ~= '' then
  local held = seat_of(seat)
  if not is_led(held, now) or held.term ~= term then
    return { 'stale_term' }
  end
end
local expires = whole(now + ttl)
local id = ordered(redis.call('HINCRBY', counters, 'message', 1))
redis.call('HSET', messages, id, expires .. ' ' .. whole(now) .. ' ' .. what)
redis.call('ZADD', ready, 0, worker .. '\0' .. id)
redis.call('ZADD', expiry, expires, worker .. '\0' .. id)
-- A hint that cannot be given must not fail what is done.
redis.pcall('PUBLISH', channel, '')
return { 'sent', id }
