-- Sets the status of a worker. Restates core::workers::check_registration where an incarnation is given.
-- KEYS    records, watched, unwatched, candidates, ranking, seat, history, counters, in_use, gone
-- ARGV    now (empty: this server's), worker, incarnation (empty: an operator speaks), status
-- Answer  "set" or "unknown" or "stale"
local records, watched, unwatched, candidates, ranking = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local seat, history, counters, in_use, gone = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local now, worker, incarnation, status = now_of(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]

local latest, before = record_of(records, worker)
if not latest then
  return 'unknown'
end
if incarnation ~= '' then
  if latest ~= incarnation then
    return 'stale'
  end
  hear(watched, unwatched, worker, before, now)
end
if status == before then
  return 'set'
end
redis.call('HSET', records, worker, latest .. ' ' .. status)
if is_watched(status) ~= is_watched(before) then
  local old, new = unwatched, watched
  if is_watched(before) then
    old, new = watched, unwatched
  end
  redis.call('ZADD', new, redis.call('ZSCORE', old, worker), worker)
  redis.call('ZREM', old, worker)
end
if status ~= 'alive' then
  step_back(candidates, ranking, seat, worker)
end
mark_gone(gone, in_use, worker, status)
record_change(history, counters, worker, now, latest, status, 'normal')
return 'set'
