-- `gone` has the workers that are dead or unloaded and may have topologies that were not taken away yet, by name.

-- Restates core::workers::is_gone.
local function is_gone(status)
  return status == 'dead' or status == 'unloaded'
end

-- Whether topologies wait for the worker or run on it.
local function has_in_use(in_use, worker)
  return #redis.call('ZRANGEBYLEX', in_use, '[' .. worker .. '\0', '(' .. worker .. '\1', 'LIMIT', 0, 1) > 0
end

-- Notes that a worker has another status from now on.
local function mark_gone(gone, in_use, worker, status)
  if is_gone(status) and has_in_use(in_use, worker) then
    redis.call('ZADD', gone, 0, worker)
  else
    redis.call('ZREM', gone, worker)
  end
end
