-- One worker as it is stored; the driver applies core::leadership::role_of.
-- KEYS    records, watched, unwatched, candidates, seat
-- ARGV    now (empty: this server's), worker
-- Answer  "unknown" or {"found", now, {term, holder, its incarnation, until}, record, last ping, candidacy}; what is
--         not there is nil
local records, watched, unwatched, candidates, seat = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local worker = ARGV[2]

local record = redis.call('HGET', records, worker)
if not record then
  return 'unknown'
end
return {
  'found',
  now_of(ARGV[1]),
  redis.call('HMGET', seat, 'term', 'worker', 'incarnation', 'until'),
  record,
  redis.call('ZSCORE', watched, worker) or redis.call('ZSCORE', unwatched, worker),
  redis.call('ZSCORE', candidates, worker),
}
