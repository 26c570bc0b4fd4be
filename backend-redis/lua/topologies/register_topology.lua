-- Registers a topology, or replaces the config, weight and affinity of the one that there is. Restates
-- core::Topology::registered.
-- KEYS    topologies, configs, topology_ids, topology_history, counters
-- ARGV    now (empty: this server's), id, config, weight, affinity
-- Answer  "created" or "replaced"
local keys = { topologies = KEYS[1], topology_history = KEYS[4], counters = KEYS[5] }
local configs, topology_ids = KEYS[2], KEYS[3]
local now, id, config, weight, affinity = now_of(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local before = topology_of(keys.topologies, id)
local topology = altered(before or {
  since = whole(now), status = 'unassigned', enabled = '0', pid = '-', worker = '', failure = '',
}, { weight = weight, affinity = affinity })
redis.call('HSET', keys.topologies, id, topology.since .. ' ' .. topology.shown)
redis.call('HSET', configs, id, config)
redis.call('ZADD', topology_ids, 0, id)
record_topologies(keys, { { id = id, shown = topology.shown } }, now)
return before and 'replaced' or 'created'
