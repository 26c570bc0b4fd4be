-- A message is known by its id, 16 digits. `worker NUL id` names it in `ready` (can be received), in `hidden` (claimed,
-- or given back for later) and in `expiry`; `worker NUL visible-from NUL id` in `due`, which has those of `hidden` by time.
-- `messages` has "expires sent worker NUL command NUL content" by id, `handling` "attempts visible-from token worker" of
-- those that were ever claimed, with the token "-" when nobody holds it.

-- How many messages one script moves or drops at most; with more it answers "more" and is called again.
local STEP = 1000
-- How many bytes of messages one script gathers before it stops.
local GATHERED_BYTES = 16777216
-- How many it has moved and dropped, and how many bytes it has gathered: a script of several operations ends early.
local moved, gathered = 0, 0

local function member_of(worker, id)
  return worker .. '\0' .. id
end

local function due_of(worker, visible_from, id)
  return worker .. '\0' .. ordered(visible_from) .. '\0' .. id
end

local function handling_of(attempts, visible_from, token, worker)
  return attempts .. ' ' .. whole(visible_from) .. ' ' .. token .. ' ' .. worker
end

-- attempts (text), visible-from, token, worker
local function parse_handling(handling)
  local attempts, visible_from, token, worker = string.match(handling, '^(%d+) (%d+) (%S+) (.+)$')
  if not attempts then
    error(corrupt('the handling of a message is not "attempts visible-from token worker"'))
  end
  return attempts, tonumber(visible_from), token, worker
end

local function expires_of(message)
  local expires = message and string.match(message, '^%d+')
  if not expires then
    error(corrupt('a message is indexed and not there, or does not begin with when it expires'))
  end
  return tonumber(expires)
end
