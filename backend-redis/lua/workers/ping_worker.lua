-- Notes that a worker lives. Restates core::workers::check_registration.
-- KEYS    records, watched, unwatched
-- ARGV    now (empty: this server's), worker, incarnation
-- Answer  "pinged" or "unknown" or "stale"
local records, watched, unwatched = KEYS[1], KEYS[2], KEYS[3]
local worker, incarnation = ARGV[2], ARGV[3]

local latest, status = record_of(records, worker)
if not latest then
  return 'unknown'
end
if latest ~= incarnation then
  return 'stale'
end
hear(watched, unwatched, worker, status, now_of(ARGV[1]))
return 'pinged'
