-- Whether a term leads now. Restates core::leadership::check_leading.
-- KEYS    seat
-- ARGV    now (empty: this server's), term
-- Answer  "leads" or "stale_term"
local seat = KEYS[1]
local now, term = now_of(ARGV[1]), ARGV[2]

local held = seat_of(seat)
return is_led(held, now) and held.term == term and 'leads' or 'stale_term'
