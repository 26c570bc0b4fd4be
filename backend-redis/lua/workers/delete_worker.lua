-- Forgets a worker and its messages. Restates core::workers::check_deletable. Costs what messages there are of it.
-- KEYS    names, records, unwatched, fresh, tails, heads, blocks, bodies, attempts, returned, invisible, returns,
--         expirations, in_use, gone
-- ARGV    worker
-- Answer  "deleted" or "unknown" or {"not_unloaded", status} or "in_use"
local names, records, unwatched = KEYS[1], KEYS[2], KEYS[3]
local keys = { fresh = KEYS[4], tails = KEYS[5], heads = KEYS[6], blocks = KEYS[7] }
local bodies, attempts, returned, invisible = KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local returns, expirations, in_use, gone = KEYS[12], KEYS[13], KEYS[14], KEYS[15]
local worker = ARGV[1]

local incarnation, status = record_of(records, worker)
if not incarnation then
  return 'unknown'
end
if status ~= 'unloaded' then
  return { 'not_unloaded', status }
end
if has_in_use(in_use, worker) then
  return 'in_use'
end
local first, last = '[' .. worker .. '\0', '(' .. worker .. '\1'
for _, index in ipairs({ returned, invisible }) do
  repeat
    local members = redis.call('ZRANGEBYLEX', index, first, last, 'LIMIT', 0, STEP)
    if #members > 0 then
      local ids = {}
      for position, member in ipairs(members) do
        ids[position] = string.sub(member, -16)
      end
      redis.call('ZREM', index, unpack(members))
      redis.call('ZREM', expirations, unpack(members))
      redis.call('HDEL', attempts, unpack(ids))
      redis.call('HDEL', bodies, unpack(ids))
    end
  until #members < STEP
end
redis.call('ZREMRANGEBYLEX', returns, first, last)
local head, tail = ends_of(keys, worker)
for from = first_of_block(head), tail, BLOCK do
  local places = {}
  for place = from, from + BLOCK - 1 do
    places[#places + 1] = place_of(worker, place)
  end
  redis.call('HDEL', keys.fresh, unpack(places))
  redis.call('ZREM', keys.blocks, places[1])
end
redis.call('HDEL', keys.tails, worker)
redis.call('HDEL', keys.heads, worker)
redis.call('ZREM', names, worker)
redis.call('ZREM', unwatched, worker)
redis.call('ZREM', gone, worker)
redis.call('HDEL', records, worker)
return 'deleted'
