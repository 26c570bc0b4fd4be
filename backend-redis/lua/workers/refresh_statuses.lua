-- Marks what is over: silent workers, a lead, candidacies, topologies that wait too long or are of workers that are gone.
-- Restates core::workers::is_silent and Seat::leader, and drops expired messages that nobody holds
-- (core::messages::Handling::is_gone), a step of them.
-- KEYS    records, watched, unwatched, candidates, ranking, seat, history, counters,
--         messages, handling, ready, hidden, due, expiry, topologies, held, in_use, waiting, topology_history, gone
-- ARGV    now (empty: this server's), time-out of workers in microseconds, how many workers it buries at most, and as many
--         topologies it takes away, time-out of waiting topologies in microseconds
-- Answer  {"refreshed", {name of who died, …}, {} or {name, term} of the vacated lead, {name of whose candidacy lapsed,
--         …}, {id of a topology that was taken away, …}, 1 when there is more of either, else 0}
local records, watched, unwatched, candidates, ranking = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local seat, history, counters = KEYS[6], KEYS[7], KEYS[8]
local messages, handling, ready, hidden, due, expiry = KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13], KEYS[14]
local keys = {
  topologies = KEYS[15], held = KEYS[16], in_use = KEYS[17], waiting = KEYS[18], topology_history = KEYS[19],
  gone = KEYS[20], counters = counters,
}
local now, timeout, most = now_of(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local waiting_timeout = tonumber(ARGV[4])

local function bury(name, last_ping)
  local incarnation = record_of(records, name)
  if not incarnation then
    error(corrupt('a worker is watched that has no record'))
  end
  redis.call('HSET', records, name, incarnation .. ' dead')
  redis.call('ZREM', watched, name)
  redis.call('ZADD', unwatched, last_ping, name)
  step_back(candidates, ranking, seat, name)
  mark_gone(keys.gone, keys.in_use, name, 'dead')
  record_change(history, counters, name, now, incarnation, 'dead', 'normal')
end

local function drop_expired()
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', expiry, '-inf', whole(now), 'LIMIT', 0, STEP)) do
    local worker, id = string.match(member, '^(.+)%z(%d+)$')
    local handled = redis.call('HGET', handling, id)
    local _, visible_from, token
    if handled then
      _, visible_from, token = parse_handling(handled)
    end
    if handled and token ~= '-' and now < visible_from then
      -- Claimed: looked at again when the claim ends.
      redis.call('ZADD', expiry, whole(visible_from), member)
    else
      redis.call('ZREM', expiry, member)
      redis.call('HDEL', messages, id)
      if redis.call('ZREM', ready, member) == 0 then
        redis.call('ZREM', hidden, member)
        redis.call('ZREM', due, due_of(worker, visible_from or 0, id))
      end
      redis.call('HDEL', handling, id)
    end
  end
end

local held = seat_of(seat)
local died, more, vacated, lapsed = {}, 0, {}, {}
local silent = redis.call(
  'ZRANGEBYSCORE', watched, '-inf', whole(now - timeout), 'WITHSCORES', 'LIMIT', 0, most + 1
)
if #silent > 2 * most then
  more = 1
end
for index = 1, math.min(#silent, 2 * most), 2 do
  died[#died + 1] = silent[index]
  bury(silent[index], silent[index + 1])
end
if held.worker then
  local is_held = redis.call('HEXISTS', seat, 'worker') == 1
  if is_held and held.ends <= now then
    is_held = false
    vacate(seat)
    local incarnation, status = record_of(records, held.worker)
    record_change(history, counters, held.worker, now, incarnation, status, 'normal')
  end
  if not is_held then
    vacated = { held.worker, held.term }
  end
end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', candidates, '-inf', whole(now))) do
  lapsed[#lapsed + 1] = name
  withdraw(candidates, ranking, name)
  local incarnation, status = record_of(records, name)
  record_change(history, counters, name, now, incarnation, status, 'normal')
end
local unassigned, more_of_them = take_away(keys, waiting_timeout, most, now)
drop_expired()
return { 'refreshed', died, vacated, lapsed, unassigned, math.max(more, more_of_them) }
