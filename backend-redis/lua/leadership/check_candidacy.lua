-- Asks whether the announced candidacy wins. Restates core::workers::check_registration and, in
-- shared/election.lua, core::leadership::decide_candidacy.
-- KEYS    records, watched, unwatched, candidates, ranking, seat, history, counters
-- ARGV    now (empty: this server's), worker, incarnation, ttl of the lease in microseconds
-- Answer  {"elected", term, until} or {"not_alive", status} or {"led_by", worker, incarnation, term, until} or
--         "not_announced" or {"promised", until} or {"outranked", by, until} or "unknown" or "stale"
local keys = {
  records = KEYS[1], candidates = KEYS[4], ranking = KEYS[5], seat = KEYS[6], history = KEYS[7], counters = KEYS[8],
}
local watched, unwatched = KEYS[2], KEYS[3]
local now, worker, incarnation, ttl = now_of(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])

local latest, status = record_of(keys.records, worker)
if not latest then
  return 'unknown'
end
if latest ~= incarnation then
  return 'stale'
end
hear(watched, unwatched, worker, status, now)
return decide_candidacy(keys, worker, incarnation, status, candidacy_of(keys, worker), false, ttl, now)
