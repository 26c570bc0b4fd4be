-- A page of workers as they are stored, ordered by name; the driver applies core::leadership::role_of.
-- KEYS    names, records, watched, unwatched, candidates, seat
-- ARGV    now (empty: this server's), after which name (empty: from the start), how many
-- Answer  {"page", now, {term, holder, its incarnation, until}, {name, record, last ping, candidacy, name, …}}; what is
--         not there is nil
local names, records, watched, unwatched, candidates, seat = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local after, count = ARGV[2], ARGV[3]

local from = after == '' and '-' or '(' .. after
local found = redis.call('ZRANGEBYLEX', names, from, '+', 'LIMIT', 0, count)
local rows = {}
if #found > 0 then
  local its_records = redis.call('HMGET', records, unpack(found))
  local heard = redis.call('ZMSCORE', watched, unpack(found))
  local heard_before = redis.call('ZMSCORE', unwatched, unpack(found))
  local candidacies = redis.call('ZMSCORE', candidates, unpack(found))
  for index, name in ipairs(found) do
    local at = 4 * index
    rows[at - 3], rows[at - 2] = name, its_records[index]
    rows[at - 1], rows[at] = heard[index] or heard_before[index], candidacies[index]
  end
end
return { 'page', now_of(ARGV[1]), redis.call('HMGET', seat, 'term', 'worker', 'incarnation', 'until'), rows }
