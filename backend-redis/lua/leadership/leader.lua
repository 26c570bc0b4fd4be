-- Who holds the live lease. Restates core::leadership::Seat::leader.
-- KEYS    seat
-- ARGV    now (empty: this server's)
-- Answer  "seat" or {"seat", worker, incarnation, term, until}
local seat = KEYS[1]

return with_leader('seat', seat_of(seat), now_of(ARGV[1]))
