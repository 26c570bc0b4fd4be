-- Gives topologies to workers and tells them to start. Restates core::leadership::check_leading and, for each placement,
-- core::topologies::decide_assignment. No placement bears on another: each topology is there once.
-- KEYS    topologies, held, in_use, waiting, topology_history, counters,
--         records, fresh, tails, blocks, seat
-- ARGV    now (empty: this server's), term, ttl of the messages in microseconds, then of each placement: id, worker,
--         "command NUL content" of its message
-- Answer  "stale_term" or {"answered", {word, detail, word, …}}, in the order of the placements: "assigned",
--         "unknown_topology", "unknown_worker", "disabled", "in_error" (no detail), "held_by" (worker), "not_alive" (status)
local keys = {
  topologies = KEYS[1], held = KEYS[2], in_use = KEYS[3], waiting = KEYS[4], topology_history = KEYS[5],
  counters = KEYS[6],
  records = KEYS[7], fresh = KEYS[8], tails = KEYS[9], blocks = KEYS[10],
}
local seat = KEYS[11]
local now, term, ttl = now_of(ARGV[1]), ARGV[2], tonumber(ARGV[3])

local statuses = {}
local function status_of(worker)
  if statuses[worker] == nil then
    local _, status = record_of(keys.records, worker)
    statuses[worker] = status or false
  end
  return statuses[worker]
end

local function decide(topology, status)
  if not status then
    return 'unknown_worker'
  elseif topology.status == 'error' then
    return 'in_error'
  elseif topology.worker ~= '' then
    return 'held_by', topology.worker
  elseif topology.enabled == '0' then
    return 'disabled'
  elseif status ~= 'alive' then
    return 'not_alive', status
  end
  return 'assigned'
end

local held = seat_of(seat)
if not is_led(held, now) or held.term ~= term then
  return 'stale_term'
end
local ids = {}
for at = 4, #ARGV, 3 do
  ids[#ids + 1] = ARGV[at]
end
local answers, changes, told = {}, {}, { workers = {}, ttls = {}, whats = {}, refused = {} }
for index, record in ipairs(redis.call('HMGET', keys.topologies, unpack(ids))) do
  local id, worker, what = ids[index], ARGV[3 * index + 2], ARGV[3 * index + 3]
  local word, detail = 'unknown_topology', nil
  if record then
    local topology = parse_topology(record)
    word, detail = decide(topology, status_of(worker))
    if word == 'assigned' then
      changes[#changes + 1] = { id = id, before = topology, after = assigned(topology, worker, now) }
      told.workers[#changes], told.ttls[#changes], told.whats[#changes] = worker, ttl, what
    end
  end
  answers[2 * index - 1], answers[2 * index] = word, detail or ''
end
if #changes > 0 then
  change(keys, changes, now)
  tell_all(keys, told, now)
end
return { 'answered', answers }
