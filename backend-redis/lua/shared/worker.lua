-- The incarnation and the status out of the record of a worker; nothing when there is no such worker.
local function parse_record(record)
  if not record then
    return nil
  end
  local incarnation, status = string.match(record, '^(%d+) (%a+)$')
  if not incarnation then
    error(corrupt('the record of a worker is not "incarnation status"'))
  end
  return incarnation, status
end

local function record_of(records, name)
  return parse_record(redis.call('HGET', records, name))
end

-- Whether refresh_statuses may find a worker of this status silent (core::workers::is_silent).
local function is_watched(status)
  return status == 'alive' or status == 'closing'
end

-- Keeps when the worker was last heard of, in `watched` or in `unwatched` by its status.
local function hear(watched, unwatched, name, status, now)
  redis.call('ZADD', is_watched(status) and watched or unwatched, whole(now), name)
end
