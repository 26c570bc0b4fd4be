-- Says by which process a topology runs. Restates core::workers::check_registration, and that only the worker that has it
-- speaks for it.
-- KEYS    topologies, held, in_use, waiting, topology_history, counters, records
-- ARGV    now (empty: this server's), worker, incarnation, id, pid, or "-" for none
-- Answer  "accepted" or {"not_held", worker that has it, or empty} or "unknown", "stale" or "unknown_topology"
local keys = {
  topologies = KEYS[1], held = KEYS[2], in_use = KEYS[3], waiting = KEYS[4], topology_history = KEYS[5],
  counters = KEYS[6],
}
local records = KEYS[7]
local now, worker, incarnation, id, pid = now_of(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local latest = record_of(records, worker)
if not latest then
  return 'unknown'
end
if latest ~= incarnation then
  return 'stale'
end
local topology = topology_of(keys.topologies, id)
if not topology then
  return 'unknown_topology'
end
if topology.worker ~= worker then
  return { 'not_held', topology.worker }
end
change(keys, { { id = id, before = topology, after = altered(topology, { pid = pid }) } }, now)
return 'accepted'
