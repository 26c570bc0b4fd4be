-- How many workers are in each role. Restates core::leadership::role_of over all of them, without reading them.
-- KEYS    names, candidates, seat
-- ARGV    now (empty: this server's)
-- Answer  {"counted", normal, candidates, leaders}
local names, candidates, seat = KEYS[1], KEYS[2], KEYS[3]
local now = now_of(ARGV[1])

local live = redis.call('ZCOUNT', candidates, '(' .. whole(now), '+inf')
local leaders = is_led(seat_of(seat), now) and 1 or 0
return { 'counted', redis.call('ZCARD', names) - live - leaders, live, leaders }
