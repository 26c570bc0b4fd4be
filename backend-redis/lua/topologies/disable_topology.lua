-- Keeps a topology from being assigned or started.
-- KEYS    topologies, held, in_use, waiting, topology_history, counters
-- ARGV    now (empty: this server's), id
-- Answer  "changed" or "unknown_topology"
local keys = {
  topologies = KEYS[1], held = KEYS[2], in_use = KEYS[3], waiting = KEYS[4], topology_history = KEYS[5],
  counters = KEYS[6],
}
local now, id = now_of(ARGV[1]), ARGV[2]

local topology = topology_of(keys.topologies, id)
if not topology then
  return 'unknown_topology'
end
change(keys, { { id = id, before = topology, after = altered(topology, { enabled = '0' }) } }, now)
return 'changed'
