-- Takes a name under a new incarnation. Restates what core::Workers::register_worker documents.
-- KEYS    names, records, watched, unwatched, candidates, ranking, seat, history, counters, gone
-- ARGV    now (empty: this server's), worker
-- Answer  {"registered", incarnation}
local names, records, watched, unwatched, candidates, ranking = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local seat, history, counters, gone = KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local now, worker = now_of(ARGV[1]), ARGV[2]

local incarnation = whole(redis.call('HINCRBY', counters, 'incarnation', 1))
redis.call('ZADD', names, 0, worker)
redis.call('HSET', records, worker, incarnation .. ' alive')
redis.call('ZREM', unwatched, worker)
redis.call('ZREM', gone, worker)
hear(watched, unwatched, worker, 'alive', now)
step_back(candidates, ranking, seat, worker)
record_change(history, counters, worker, now, incarnation, 'alive', 'normal')
return { 'registered', incarnation }
