-- A page of the topologies that a worker has, ordered by id.
-- KEYS    topologies, held
-- ARGV    worker, after which id (empty: from the start), how many
-- Answer  {"page", {id, topology, id, …}}; what is not there is nil
local topologies, held = KEYS[1], KEYS[2]
local worker, after, count = ARGV[1], ARGV[2], ARGV[3]

local from = after == '' and '[' .. worker .. '\0' or '(' .. worker .. '\0' .. after
local ids = redis.call('ZRANGEBYLEX', held, from, '(' .. worker .. '\1', 'LIMIT', 0, count)
local rows = {}
if #ids > 0 then
  for index, member in ipairs(ids) do
    ids[index] = string.sub(member, #worker + 2)
  end
  for index, record in ipairs(redis.call('HMGET', topologies, unpack(ids))) do
    rows[2 * index - 1], rows[2 * index] = ids[index], record
  end
end
return { 'page', rows }
