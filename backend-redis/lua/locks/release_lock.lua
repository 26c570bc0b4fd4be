-- Gives a lock back. Restates core::locks::decide_holding.
-- KEYS    locks, lock_names, lock_ends
-- ARGV    now (empty: this server's), name, owner, token
-- Answer  "released" or "lost" or {"lost", lock} that somebody has now, "token expires owner"
local locks, names, ends = KEYS[1], KEYS[2], KEYS[3]
local now, name, owner, token = now_of(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]

local held, its_token, _, its_owner = live_lock(locks, name, now)
if its_token ~= token or its_owner ~= owner then
  return { 'lost', held }
end
drop_lock(locks, names, ends, name)
return 'released'
