-- A topology is kept as "since shown" by its id. `shown` is what its history shows, too: "status enabled pid weight worker
-- NUL affinity", and in error behind it "NUL error". enabled is 1 or 0; without a process pid is "-", and without a worker
-- there is nothing in its place. Here `failure` is the error with its NUL, or empty.
local function parse_topology(record)
  local since, shown, status, enabled, pid, weight, worker, affinity, failure =
    string.match(record or '', '^(%d+) ((%l+) ([01]) (%S+) (%S+) ([^%z]*)%z([^%z]*)(.*))$')
  if not since then
    error(corrupt('a topology is indexed and not there, or is not "since status enabled pid weight worker NUL affinity"'))
  end
  return {
    since = since, shown = shown, status = status, enabled = enabled, pid = pid, weight = weight, worker = worker,
    affinity = affinity, failure = failure,
  }
end

-- Nothing when there is no such topology.
local function topology_of(topologies, id)
  local record = redis.call('HGET', topologies, id)
  return record and parse_topology(record) or nil
end

-- The same with other fields.
local function altered(topology, fields)
  local status, enabled = fields.status or topology.status, fields.enabled or topology.enabled
  local pid, weight = fields.pid or topology.pid, fields.weight or topology.weight
  local worker, affinity = fields.worker or topology.worker, fields.affinity or topology.affinity
  local failure = fields.failure or topology.failure
  local shown = status .. ' ' .. enabled .. ' ' .. pid .. ' ' .. weight .. ' ' .. worker .. '\0' .. affinity .. failure
  return {
    since = fields.since or topology.since, shown = shown, status = status, enabled = enabled, pid = pid,
    weight = weight, worker = worker, affinity = affinity, failure = failure,
  }
end

local function since_in(topology, status, now)
  return topology.status == status and topology.since or whole(now)
end

-- Restates Topology::is_in_use.
local function is_in_use(topology)
  return topology.status == 'waiting' or topology.status == 'running'
end

-- Restates Topology::assigned.
local function assigned(topology, worker, now)
  return altered(topology, { status = 'waiting', worker = worker, pid = '-', failure = '', since = whole(now) })
end

-- Restates Topology::released.
local function released(topology, now)
  local is_error = topology.status == 'error'
  return altered(topology, {
    status = is_error and 'error' or 'unassigned',
    worker = '',
    pid = '-',
    since = is_error and topology.worker == '' and topology.since or whole(now),
  })
end

-- Restates Topology::failed.
local function failed(topology, why, now)
  return altered(topology, {
    status = 'error', failure = '\0' .. why, pid = '-', since = since_in(topology, 'error', now),
  })
end
