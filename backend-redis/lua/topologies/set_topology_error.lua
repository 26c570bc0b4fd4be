-- Puts a topology in error and tells the worker that has it to end it. Restates core::Topology::failed.
-- KEYS    topologies, held, in_use, waiting, topology_history, counters,
--         records, fresh, tails, blocks
-- ARGV    now (empty: this server's), id, ttl of the message in microseconds, "command NUL content" of the message, why
-- Answer  "told" (nobody) or {"told", worker} or "unknown_topology"
local keys = {
  topologies = KEYS[1], held = KEYS[2], in_use = KEYS[3], waiting = KEYS[4], topology_history = KEYS[5],
  counters = KEYS[6],
  records = KEYS[7], fresh = KEYS[8], tails = KEYS[9], blocks = KEYS[10],
}
local now, id, ttl, what, why = now_of(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]

local topology = topology_of(keys.topologies, id)
if not topology then
  return 'unknown_topology'
end
change(keys, { { id = id, before = topology, after = failed(topology, why, now) } }, now)
return tell(keys, topology.worker, what, ttl, now)
