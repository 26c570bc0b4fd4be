-- A lock is kept as "token expires owner", by its name; also after it ran out, until it is swept away.
local function parse_lock(lock)
  local token, expires, owner = string.match(lock, '^(%d+) (%d+) (.+)$')
  if not token then
    error(corrupt('a lock is not "token expires owner"'))
  end
  return token, tonumber(expires), owner
end

-- The lock that is held now (core::locks::Lock::is_live): as it is kept, its token, when it ends, its owner.
local function live_lock(locks, name, now)
  local found = redis.call('HGET', locks, name)
  if not found then
    return nil
  end
  local token, expires, owner = parse_lock(found)
  if expires <= now then
    return nil
  end
  return found, token, expires, owner
end

local function keep_lock(locks, ends, name, token, expires, owner)
  local lock = token .. ' ' .. whole(expires) .. ' ' .. owner
  redis.call('HSET', locks, name, lock)
  redis.call('ZADD', ends, whole(expires), name)
  return lock
end

local function drop_lock(locks, names, ends, name)
  redis.call('HDEL', locks, name)
  redis.call('ZREM', names, name)
  redis.call('ZREM', ends, name)
end
