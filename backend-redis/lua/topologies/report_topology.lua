-- Says how a topology does. Restates core::workers::check_registration, core::topologies::decide_report and
-- Topology::reported.
-- KEYS    topologies, held, in_use, waiting, topology_history, counters,
--         records, gone
-- ARGV    now (empty: this server's), worker, incarnation, id, "running", "failed" or "released", why it failed
-- Answer  "accepted" or {"not_held", worker that has it, or empty} or "disabled" or "unknown", "stale" or
--         "unknown_topology"
local keys = {
  topologies = KEYS[1], held = KEYS[2], in_use = KEYS[3], waiting = KEYS[4], topology_history = KEYS[5],
  counters = KEYS[6],
}
local records, gone = KEYS[7], KEYS[8]
local now, worker, incarnation, id, report = now_of(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local latest, worker_status = record_of(records, worker)
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
if report == 'running' and topology.status ~= 'running' and topology.enabled == '0' then
  return 'disabled'
end
local after
if report == 'running' then
  after = altered(topology, { status = 'running', failure = '', since = since_in(topology, 'running', now) })
elseif report == 'failed' then
  after = failed(topology, ARGV[6], now)
else
  after = released(topology, now)
end
change(keys, { { id = id, before = topology, after = after } }, now)
-- A worker that was taken for dead, and lives, may begin what it had in error.
if is_in_use(after) and is_gone(worker_status) then
  redis.call('ZADD', gone, 0, worker)
end
return 'accepted'
