-- A page of all topologies, ordered by id.
-- KEYS    topologies, topology_ids
-- ARGV    after which id (empty: from the start), how many
-- Answer  {"page", {id, topology, id, …}}; what is not there is nil
local topologies, topology_ids = KEYS[1], KEYS[2]
local after, count = ARGV[1], ARGV[2]

local from = after == '' and '-' or '(' .. after
local found = redis.call('ZRANGEBYLEX', topology_ids, from, '+', 'LIMIT', 0, count)
local rows = {}
if #found > 0 then
  for index, record in ipairs(redis.call('HMGET', topologies, unpack(found))) do
    rows[2 * index - 1], rows[2 * index] = found[index], record
  end
end
return { 'page', rows }
