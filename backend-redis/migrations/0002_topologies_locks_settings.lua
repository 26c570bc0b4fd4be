-- Topologies, locks and settings, beside what 0001_keys.lua has.
--
-- counters          hash   and lock, revision
-- topologies        hash   id → "since status enabled pid weight worker NUL affinity"; in error another NUL and the error
--                          follow. enabled is 1 or 0, affinity JSON; without a process pid is "-", without a worker
--                          there is nothing in its place
-- configs           hash   id → JSON
-- topology_ids      zset   ids, all with score 0: ordered by id
-- held              zset   "worker NUL id" of the topologies that workers have, all with score 0
-- in_use            zset   the same of those that wait or run
-- waiting           zset   ids of those that wait, by since when, in microseconds
-- gone              zset   workers that are dead or unloaded and may have something in use, all with score 0
-- topology_history  zset   "id NUL number when …", then what the topology showed, as above but for since; all with score 0
-- locks             hash   name → "token expires owner", also of locks that ran out and were not swept away yet
-- lock_names        zset   the same names, all with score 0: ordered by name
-- lock_ends         zset   the same names by when they run out, in microseconds
-- settings          hash   key → "revision written"
-- values            hash   key → JSON
-- setting_keys      zset   keys, all with score 0: ordered by key
--
-- Numbers of histories have 16 digits and come from one counter, `history`; none is given out twice.
-- KEYS    schema, counters
local counters = KEYS[2]

for _, counter in ipairs({ 'lock', 'revision' }) do
  redis.call('HSETNX', counters, counter, 0)
end
return 'applied'
