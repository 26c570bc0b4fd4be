-- The first layout. All keys begin with "{convoke:NAMESPACE}:", so that they live in one slot of a cluster.
--
-- schema      hash   version, and the checksum of each migration by its name
-- counters    hash   incarnation, message, history: the latest numbers given out; they never fall
-- names       zset   workers, all with score 0: ordered by name
-- records     hash   worker → "incarnation status"
-- watched     zset   alive and closing workers by when they were last heard of, in microseconds
-- unwatched   zset   the other workers, likewise
-- candidates  zset   workers by until when their candidacy stands
-- ranking     zset   the same workers, all with score 0: ordered by name
-- seat        hash   term, worker and incarnation of the holder while there is one, until
-- history     zset   "worker NUL number when incarnation status role", all with score 0
-- messages    hash   id → "expires sent worker NUL command NUL content"
-- handling    hash   id → "attempts visible-from token worker", of messages that were ever claimed
-- ready       zset   "worker NUL id" of messages that can be received, all with score 0
-- hidden      zset   "worker NUL id" of messages that cannot, all with score 0
-- due         zset   "worker NUL visible-from NUL id" of the same messages, all with score 0
-- expiry      zset   "worker NUL id" of all messages by when they expire
--
-- Ids and visible-from have 16 digits. Nothing needs to be written in advance but the counters.
-- KEYS    schema, counters
local counters = KEYS[2]

for _, counter in ipairs({ 'incarnation', 'message', 'history' }) do
  redis.call('HSETNX', counters, counter, 0)
end
return 'applied'
