-- A page of a worker's queue as it is stored, oldest first; the driver applies core::messages::Handling::is_gone.
-- KEYS    messages, handling, ready, hidden
-- ARGV    now (empty: this server's), worker, after which id (16 digits; empty: from the start), how many
-- Answer  {"page", now, 1 when there is more, else 0, {id, message, handling or nil, id, …}}
local messages, handling, ready, hidden = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local worker, after, count = ARGV[2], ARGV[3], tonumber(ARGV[4])

local first = after == '' and '[' .. worker .. '\0' or '(' .. worker .. '\0' .. after
local last = '(' .. worker .. '\1'
local waiting = redis.call('ZRANGEBYLEX', ready, first, last, 'LIMIT', 0, count + 1)
local claimed = redis.call('ZRANGEBYLEX', hidden, first, last, 'LIMIT', 0, count + 1)
local ids, from_waiting, from_claimed = {}, 1, 1
while #ids < count and (waiting[from_waiting] or claimed[from_claimed]) do
  local one, other = waiting[from_waiting], claimed[from_claimed]
  local one_id, other_id = one and string.sub(one, -16), other and string.sub(other, -16)
  if not other_id or (one_id and one_id < other_id) then
    ids[#ids + 1] = one_id
    from_waiting = from_waiting + 1
  else
    ids[#ids + 1] = other_id
    from_claimed = from_claimed + 1
  end
end
local has_more = #waiting + #claimed > #ids
local page, bytes = {}, 0
for index, id in ipairs(ids) do
  if bytes >= GATHERED_BYTES then
    has_more = true
    break
  end
  local message = redis.call('HGET', messages, id)
  expires_of(message)
  page[3 * index - 2], page[3 * index - 1], page[3 * index] = id, message, redis.call('HGET', handling, id)
  bytes = bytes + #message
end
return { 'page', now_of(ARGV[1]), has_more and 1 or 0, page }
