-- Claims the oldest messages of a worker's queue. Restates core::workers::check_registration and
-- core::messages::Handling::{is_deliverable, claimed}.
-- KEYS    records, watched, unwatched, fresh, tails, heads, blocks, bodies, attempts, returned, invisible, returns,
--         expirations
-- ARGV    now (empty: this server's), worker, incarnation, how many, visibility in microseconds, token
-- Answer  {"claimed", until, {id, attempt, message, id, …}} or "more": call again, or "unknown" or "stale"
local records, watched, unwatched = KEYS[1], KEYS[2], KEYS[3]
local keys = {
  fresh = KEYS[4], tails = KEYS[5], heads = KEYS[6], blocks = KEYS[7], bodies = KEYS[8], attempts = KEYS[9],
  returned = KEYS[10], invisible = KEYS[11], returns = KEYS[12], expirations = KEYS[13],
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
local ids, members, bodies = returned_ones(keys, worker, max, now)
if not ids then
  return 'more'
end
local ends = now + visibility
local claimed, invisible, returns, tried = {}, {}, {}, {}
local function claim(id, attempt, body)
  local index = #claimed / 3 + 1
  invisible[2 * index - 1], invisible[2 * index] = 0, member_of(worker, id)
  returns[2 * index - 1], returns[2 * index] = 0, return_of(worker, ends, id)
  tried[2 * index - 1], tried[2 * index] = id, attempts_of(attempt, ends, token, worker)
  claimed[3 * index - 2], claimed[3 * index - 1], claimed[3 * index] = id, attempt, body
end

if #ids > 0 then
  for index, before in ipairs(redis.call('HMGET', keys.attempts, unpack(ids))) do
    claim(ids[index], whole((before and tonumber((parse_attempts(before))) or 0) + 1), bodies[index])
  end
  redis.call('ZREM', keys.returned, unpack(members))
end
local found
if #ids < max then
  found = fresh_ones(keys, worker, max - #ids, now)
  local kept, expirations = {}, {}
  for index, id in ipairs(found.ids) do
    claim(id, '1', found.bodies[index])
    kept[2 * index - 1], kept[2 * index] = id, found.bodies[index]
    expirations[2 * index - 1], expirations[2 * index] = found.ends[index], member_of(worker, id)
  end
  if #kept > 0 then
    redis.call('HSET', keys.bodies, unpack(kept))
    redis.call('ZADD', keys.expirations, unpack(expirations))
  end
end
if #claimed > 0 then
  redis.call('HSET', keys.attempts, unpack(tried))
  redis.call('ZADD', keys.invisible, unpack(invisible))
  redis.call('ZADD', keys.returns, unpack(returns))
end
if found then
  leave(keys, worker, found)
  if #ids == 0 and found.is_more then
    return 'more'
  end
end
return { 'claimed', whole(ends), claimed }
