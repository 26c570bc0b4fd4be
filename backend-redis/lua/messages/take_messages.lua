-- Takes the oldest messages of a worker's queue for good. Restates core::workers::check_registration and
-- core::messages::Handling::is_deliverable.
-- KEYS    records, watched, unwatched, messages, handling, ready, hidden, due, expiry
-- ARGV    now (empty: this server's), worker, incarnation, how many
-- Answer  {"taken", {id, message, id, …}} or "more": call again, or "unknown" or "stale"
local records, watched, unwatched = KEYS[1], KEYS[2], KEYS[3]
local keys = {
  messages = KEYS[4], handling = KEYS[5], ready = KEYS[6], hidden = KEYS[7], due = KEYS[8], expiry = KEYS[9],
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
local ids, members, messages = deliverable(keys, worker, max, now)
if not ids then
  return 'more'
end
local taken = {}
for index, id in ipairs(ids) do
  taken[2 * index - 1], taken[2 * index] = id, messages[index]
end
if #ids > 0 then
  drop(keys, ids, members)
end
return { 'taken', taken }
