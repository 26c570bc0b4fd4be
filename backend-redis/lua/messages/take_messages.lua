-- Takes the oldest messages of a worker's queue for good. Restates core::workers::check_registration and
-- core::messages::Handling::is_deliverable.
-- KEYS    records, watched, unwatched, fresh, tails, heads, blocks, bodies, attempts, returned, invisible, returns,
--         expirations
-- ARGV    now (empty: this server's), worker, incarnation, how many
-- Answer  {"taken", {id, message, id, …}} or "more": call again, or "unknown" or "stale"
local records, watched, unwatched = KEYS[1], KEYS[2], KEYS[3]
local keys = {
  fresh = KEYS[4], tails = KEYS[5], heads = KEYS[6], blocks = KEYS[7], bodies = KEYS[8], attempts = KEYS[9],
  returned = KEYS[10], invisible = KEYS[11], returns = KEYS[12], expirations = KEYS[13],
}
local now, worker, incarnation, max = now_of(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])

local latest, status = record_of(records, worker)
if not latest then
  return 'unknown'
end
if latest ~= incarnation then
  return 'stale'
end
hear(watched, unwatched, worker, status, now)
if not release_due(keys, worker, now) then
  return 'more'
end
local ids, members, bodies = returned_ones(keys, worker, max, now)
if not ids then
  return 'more'
end
local taken = {}
for index, id in ipairs(ids) do
  taken[2 * index - 1], taken[2 * index] = id, bodies[index]
end
if #ids > 0 then
  drop(keys, ids, members)
end
if #ids < max then
  local found = fresh_ones(keys, worker, max - #ids, now)
  leave(keys, worker, found)
  if #ids == 0 and found.is_more then
    return 'more'
  end
  for index, id in ipairs(found.ids) do
    taken[#taken + 1], taken[#taken + 2] = id, found.bodies[index]
  end
end
return { 'taken', taken }
