-- Announces a candidacy. Restates core::workers::check_registration and core::leadership::decide_announcement.
-- KEYS    records, watched, unwatched, candidates, ranking, seat, history, counters
-- ARGV    now (empty: this server's), worker, incarnation, for how long in microseconds
-- Answer  {"announced", until} or {"not_alive", status} or {"led_by", worker, incarnation, term, until} or "unknown" or
--         "stale"
local keys = {
  records = KEYS[1], candidates = KEYS[4], ranking = KEYS[5], seat = KEYS[6], history = KEYS[7], counters = KEYS[8],
}
local watched, unwatched = KEYS[2], KEYS[3]
local now, worker, incarnation, valid_for = now_of(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])

local latest, status = record_of(keys.records, worker)
if not latest then
  return 'unknown'
end
if latest ~= incarnation then
  return 'stale'
end
hear(watched, unwatched, worker, status, now)
if status ~= 'alive' then
  return { 'not_alive', status }
end
local held = seat_of(keys.seat)
if is_led(held, now) then
  return with_leader('led_by', held, now)
end
stand(keys, worker, incarnation, held, now + valid_for, now)
return { 'announced', whole(now + valid_for) }
