-- Forgets a topology. Restates core::topologies::check_topology_deletable.
-- KEYS    topologies, configs, topology_ids, held
-- ARGV    id
-- Answer  "deleted" or {"in_use", topology} or "unknown_topology"
local topologies, configs, topology_ids, held = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id = ARGV[1]

local record = redis.call('HGET', topologies, id)
if not record then
  return 'unknown_topology'
end
local topology = parse_topology(record)
if is_in_use(topology) then
  return { 'in_use', record }
end
redis.call('HDEL', topologies, id)
redis.call('HDEL', configs, id)
redis.call('ZREM', topology_ids, id)
-- In error a worker may still have it.
redis.call('ZREM', held, topology.worker .. '\0' .. id)
return 'deleted'
