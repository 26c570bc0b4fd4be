-- A message has an id of 16 digits and a place in the queue of its worker, counted from 1.
--
-- As long as nobody was given it, it is in `fresh` under `worker NUL place`, as "id expires sent command NUL content";
-- `tails` has the latest place of each queue, `heads` the first that was not given to anybody yet. A place between the
-- two is empty when the message expired and was dropped.
--
-- From then on it is in `bodies` under its id, as "expires sent worker NUL command NUL content", and `attempts` has
-- "attempts visible-from token worker", with the token "-" when nobody holds it. `worker NUL id` names it in `returned`
-- (can be received again), in `invisible` (claimed, or given back for later) and in `expirations`;
-- `worker NUL visible-from NUL id` in `returns`, which has those of `invisible` by time. Who receives takes from the head
-- on, so whatever is in `bodies` is older than what is in `fresh`.

-- How many messages one script moves or drops at most; with more it answers "more" and is called again.
local STEP = 1000
-- How many bytes of messages one script gathers before it stops.
local GATHERED_BYTES = 16777216
-- How many places of a queue have one entry in `blocks` together, `worker NUL first place`, by when the first of them
-- expires.
local BLOCK = 40
-- How many it has moved and dropped, and how many bytes it has gathered: a script of several operations ends early.
local moved, gathered = 0, 0

local function member_of(worker, id)
  return worker .. '\0' .. id
end

-- The name in `fresh`, and of the first place of a block in `blocks`.
local function place_of(worker, place)
  return worker .. '\0' .. whole(place)
end

local function return_of(worker, visible_from, id)
  return worker .. '\0' .. ordered(visible_from) .. '\0' .. id
end

local function attempts_of(attempts, visible_from, token, worker)
  return attempts .. ' ' .. whole(visible_from) .. ' ' .. token .. ' ' .. worker
end

-- attempts (text), visible-from, token, worker
local function parse_attempts(found)
  local attempts, visible_from, token, worker = string.match(found, '^(%d+) (%d+) (%S+) (.+)$')
  if not attempts then
    error(corrupt('what was tried with a message is not "attempts visible-from token worker"'))
  end
  return attempts, tonumber(visible_from), token, worker
end

local function expires_of(body)
  local expires = body and string.match(body, '^%d+')
  if not expires then
    error(corrupt('a message is indexed and not there, or does not begin with when it expires'))
  end
  return tonumber(expires)
end

-- id, when it expires, the body as it is in `bodies`
local function parse_fresh(found, worker)
  local id, expires, sent, what = string.match(found, '^(%d+) (%d+) (%d+) (.*)$')
  if not id then
    error(corrupt('a message that nobody was given is not "id expires sent command NUL content"'))
  end
  return id, tonumber(expires), expires .. ' ' .. sent .. ' ' .. worker .. '\0' .. what
end

-- The first place that was not given to anybody, and the latest place.
local function ends_of(keys, worker)
  local tail = tonumber(redis.call('HGET', keys.tails, worker) or '0')
  if tail == 0 then
    return 1, 0
  end
  return tonumber(redis.call('HGET', keys.heads, worker) or '1'), tail
end

local function first_of_block(place)
  return place - (place - 1) % BLOCK
end

-- How many messages to read next when `left` are wanted, of which `largest` was the largest until now (0: none).
local function portion(left, bytes, largest)
  local fitting = largest == 0 and 16 or math.max(1, math.floor((GATHERED_BYTES - bytes) / largest))
  return math.min(left, fitting, 100)
end
