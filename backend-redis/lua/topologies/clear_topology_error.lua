-- Takes a topology out of error, and tells the worker that has it to start it when it goes back there. Restates
-- core::Topology::cleared.
-- KEYS    topologies, held, in_use, waiting, topology_history, counters,
--         records, fresh, tails, blocks
-- ARGV    now (empty: this server's), id, ttl of the message in microseconds, "command NUL content" of the message
-- Answer  "told" (nobody) or {"told", worker} or {"not_in_error", status} or "unknown_topology"
local keys = {
  topologies = KEYS[1], held = KEYS[2], in_use = KEYS[3], waiting = KEYS[4], topology_history = KEYS[5],
  counters = KEYS[6],
  records = KEYS[7], fresh = KEYS[8], tails = KEYS[9], blocks = KEYS[10],
}
local now, id, ttl, what = now_of(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4]

local topology = topology_of(keys.topologies, id)
if not topology then
  return 'unknown_topology'
end
if topology.status ~= 'error' then
  return { 'not_in_error', topology.status }
end
local after
local _, worker_status = record_of(keys.records, topology.worker)
if worker_status == 'alive' and topology.enabled == '1' then
  after = assigned(topology, topology.worker, now)
else
  after = altered(topology, { status = 'unassigned', worker = '', pid = '-', failure = '', since = whole(now) })
end
change(keys, { { id = id, before = topology, after = after } }, now)
return tell(keys, after.worker, what, ttl, now)
