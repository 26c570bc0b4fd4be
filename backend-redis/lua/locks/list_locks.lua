-- A page of the locks that are held now, ordered by name. Steps over those that ran out, 1,000 names at a time.
-- KEYS    locks, lock_names
-- ARGV    now (empty: this server's), after which name (empty: from the start), how many
-- Answer  {"page", 1 when there may be more, else 0, behind which name to go on, {name, "token expires owner", name, …}}
local locks, names = KEYS[1], KEYS[2]
local now, last, count = now_of(ARGV[1]), ARGV[2], tonumber(ARGV[3])

local rows, seen, batch, is_end = {}, 0, count, false
while #rows < 2 * count and seen < 1000 and not is_end do
  local from = last == '' and '-' or '(' .. last
  local found = redis.call('ZRANGEBYLEX', names, from, '+', 'LIMIT', 0, batch)
  is_end = #found < batch
  if #found > 0 then
    for index, lock in ipairs(redis.call('HMGET', locks, unpack(found))) do
      local _, expires = parse_lock(lock or '')
      if now < expires and #rows < 2 * count then
        rows[#rows + 1], rows[#rows + 2] = found[index], lock
      end
    end
    last, seen = found[#found], seen + #found
  end
  -- Many that ran out lie here.
  batch = math.min(2 * batch, 1000)
end
return { 'page', is_end and 0 or 1, last, rows }
