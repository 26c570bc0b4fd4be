-- Puts messages at the ends of queues, one after the other, each as if it were alone. Restates
-- core::leadership::check_leading where a term is given.
-- KEYS    records, counters, fresh, tails, blocks, seat
-- ARGV    now (empty: this server's), and for each: worker, ttl in microseconds, the term when only the leader may send it
--         (empty: anybody may), "command NUL content"
-- Answer  for each its id (16 digits) or "unknown" or "stale_term"
local keys = { records = KEYS[1], counters = KEYS[2], fresh = KEYS[3], tails = KEYS[4], blocks = KEYS[5] }
local seat, now, held = KEYS[6], now_of(ARGV[1]), nil

local workers, ttls, whats, refused = {}, {}, {}, {}
for at = 2, #ARGV, 4 do
  local index, term = #workers + 1, ARGV[at + 2]
  workers[index], ttls[index], whats[index] = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 3]
  if term ~= '' then
    held = held or seat_of(seat)
    if not is_led(held, now) or held.term ~= term then
      refused[index] = 'stale_term'
    end
  end
end
return tell_all(keys, { workers = workers, ttls = ttls, whats = whats, refused = refused }, now)
