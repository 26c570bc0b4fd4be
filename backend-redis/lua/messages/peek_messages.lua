-- A page of a worker's queue as it is stored, oldest first; the driver applies core::messages::Handling::is_gone.
-- KEYS    fresh, tails, heads, bodies, attempts, returned, invisible
-- ARGV    now (empty: this server's), worker, after which id (16 digits; empty: from the start), after which place of
--         those that nobody was given (0: from the start), how many
-- Answer  {"page", now, 1 when there is more, else 0, the latest place that was looked at, {id, place or 0, message,
--         attempts or nil, id, …}}
local keys = { fresh = KEYS[1], tails = KEYS[2], heads = KEYS[3] }
local bodies, attempts, returned, invisible = KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local worker, after, place, count = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

local page, bytes, largest = {}, 0, 0
local function add(id, at, body, tried)
  local index = #page
  page[index + 1], page[index + 2], page[index + 3], page[index + 4] = id, at, body, tried
  bytes, largest = bytes + #body, math.max(largest, #body)
end

-- Those that somebody was given, until the page is full. Whether there are more of them.
local function add_given()
  local first = after == '' and '[' .. worker .. '\0' or '(' .. worker .. '\0' .. after
  local last = '(' .. worker .. '\1'
  local back = redis.call('ZRANGEBYLEX', returned, first, last, 'LIMIT', 0, count + 1)
  local away = redis.call('ZRANGEBYLEX', invisible, first, last, 'LIMIT', 0, count + 1)
  local from_back, from_away = 1, 1
  while back[from_back] or away[from_away] do
    if #page == 4 * count or bytes >= GATHERED_BYTES then
      return true
    end
    local one, other = back[from_back], away[from_away]
    local id = string.sub(one or other, -16)
    if not other or (one and id < string.sub(other, -16)) then
      from_back = from_back + 1
    else
      id, from_away = string.sub(other, -16), from_away + 1
    end
    local body = redis.call('HGET', bodies, id)
    expires_of(body)
    add(id, 0, body, redis.call('HGET', attempts, id))
  end
  return false
end

-- Those that nobody was given, likewise.
local function add_fresh()
  local head, tail = ends_of(keys, worker)
  place = math.max(place, head - 1)
  local from = place
  while place < tail do
    if #page >= 4 * count or bytes >= GATHERED_BYTES or place - from >= STEP then
      return true
    end
    local names = {}
    for index = 1, math.min(portion(count - #page / 4, bytes, largest), tail - place) do
      names[index] = place_of(worker, place + index)
    end
    for index, found in ipairs(redis.call('HMGET', keys.fresh, unpack(names))) do
      if found then
        local id, _, body = parse_fresh(found, worker)
        add(id, place + index, body, false)
      end
    end
    place = place + #names
  end
  return false
end

local has_more = add_given() or add_fresh()
return { 'page', now_of(ARGV[1]), has_more and 1 or 0, place, page }
