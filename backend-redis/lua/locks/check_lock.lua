-- Whether a token holds its lock now. Restates core::locks::check_token.
-- KEYS    locks
-- ARGV    now (empty: this server's), name, token
-- Answer  "holds" or "stale_lock"
local locks = KEYS[1]
local now, name, token = now_of(ARGV[1]), ARGV[2], ARGV[3]

local _, held = live_lock(locks, name, now)
return held == token and 'holds' or 'stale_lock'
