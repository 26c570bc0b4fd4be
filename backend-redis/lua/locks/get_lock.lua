-- Who has a lock now.
-- KEYS    locks
-- ARGV    now (empty: this server's), name
-- Answer  "lock" or {"lock", "token expires owner"}
local locks = KEYS[1]
local now, name = now_of(ARGV[1]), ARGV[2]

return { 'lock', (live_lock(locks, name, now)) }
