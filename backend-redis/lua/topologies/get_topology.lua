-- One topology with its config.
-- KEYS    topologies, configs
-- ARGV    id
-- Answer  "unknown_topology" or {"found", topology, config}
local topologies, configs = KEYS[1], KEYS[2]
local id = ARGV[1]

local record = redis.call('HGET', topologies, id)
if not record then
  return 'unknown_topology'
end
return { 'found', record, redis.call('HGET', configs, id) }
