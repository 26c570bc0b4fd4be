-- Gives the lead up; the seat is free at once. Restates core::leadership::decide_resignation.
-- KEYS    seat, history, counters
-- ARGV    now (empty: this server's), worker, incarnation, term
-- Answer  "resigned" or "lost" or {"lost", worker, incarnation, term, until} of who leads now
local seat, history, counters = KEYS[1], KEYS[2], KEYS[3]
local now, worker, incarnation, term = now_of(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]

local held = seat_of(seat)
if not holds(held, term, worker, incarnation, now) then
  return with_leader('lost', held, now)
end
vacate(seat)
redis.call('HSET', seat, 'until', whole(now))
-- Whoever holds the seat is alive: every other status vacates it in the same step.
record_change(history, counters, worker, now, incarnation, 'alive', 'normal')
return 'resigned'
