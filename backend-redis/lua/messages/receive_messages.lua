-- Claims the oldest messages of a worker's queue. Restates core::workers::check_registration and
-- core::messages::Handling::{is_deliverable, claimed}.
-- KEYS    records, watched, unwatched, messages, handling, ready, hidden, due, expiry
-- ARGV    now (empty: this server's), worker, incarnation, how many, visibility in microseconds, token
-- Answer  {"claimed", until, {id, attempt, message, id, …}} or "more": call again, or "unknown" or "stale"
local records, watched, unwatched = KEYS[1], KEYS[2], KEYS[3]
local keys = {
  messages = KEYS[4], handling = KEYS[5], ready = KEYS[6], hidden = KEYS[7], due = KEYS[8], expiry = KEYS[9],
}
local now, worker, incarnation, max = now_of(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local visibility, token = tonumber(ARGV[5]), ARGV[6]

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
local ends = now + visibility
local claimed = {}
if #ids > 0 then
  local hidden, due, handlings = {}, {}, {}
  for index, before in ipairs(redis.call('HMGET', keys.handling, unpack(ids))) do
    local id = ids[index]
    local attempt = whole((before and tonumber((parse_handling(before))) or 0) + 1)
    hidden[2 * index - 1], hidden[2 * index] = 0, members[index]
    due[2 * index - 1], due[2 * index] = 0, due_of(worker, ends, id)
    handlings[2 * index - 1], handlings[2 * index] = id, handling_of(attempt, ends, token, worker)
    claimed[3 * index - 2], claimed[3 * index - 1], claimed[3 * index] = id, attempt, messages[index]
  end
  redis.call('HSET', keys.handling, unpack(handlings))
  redis.call('ZREM', keys.ready, unpack(members))
  redis.call('ZADD', keys.hidden, unpack(hidden))
  redis.call('ZADD', keys.due, unpack(due))
end
return { 'claimed', whole(ends), claimed }
