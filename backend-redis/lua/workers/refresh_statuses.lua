-- Marks what is over: silent workers, a lead, candidacies, topologies that wait too long or are of workers that are gone.
-- Restates core::workers::is_silent and Seat::leader, and drops expired messages that nobody holds
-- (core::messages::Handling::is_gone), a step of them.
-- KEYS    records, watched, unwatched, candidates, ranking, seat, history, counters,
--         fresh, tails, heads, blocks, bodies, attempts, returned, invisible, returns, expirations,
--         topologies, held, in_use, waiting, topology_history, gone
-- ARGV    now (empty: this server's), time-out of workers in microseconds, how many workers it buries at most, and as many
--         topologies it takes away, time-out of waiting topologies in microseconds
-- Answer  {"refreshed", {name of who died, …}, {} or {name, term} of the vacated lead, {name of whose candidacy lapsed,
--         …}, {id of a topology that was taken away, …}, 1 when there is more of either, else 0}
local records, watched, unwatched, candidates, ranking = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local seat, history, counters = KEYS[6], KEYS[7], KEYS[8]
local keys = {
  fresh = KEYS[9], tails = KEYS[10], heads = KEYS[11], blocks = KEYS[12], bodies = KEYS[13], attempts = KEYS[14],
  returned = KEYS[15], invisible = KEYS[16], returns = KEYS[17], expirations = KEYS[18],
  topologies = KEYS[19], held = KEYS[20], in_use = KEYS[21], waiting = KEYS[22], topology_history = KEYS[23],
  gone = KEYS[24], counters = counters,
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
drop_expired(keys, now)
drop_expired_fresh(keys, now)
return { 'refreshed', died, vacated, lapsed, unassigned, math.max(more, more_of_them) }
