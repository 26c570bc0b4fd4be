-- Messages that nobody was given yet are in one hash, by their place in the queue of their worker; only one that was
-- given to somebody has an entry in the orders. What 0001_keys.lua has for messages gets names that say what it is:
--
-- fresh        hash   "worker NUL place" → "id expires sent command NUL content", of messages that nobody was given yet
-- tails        hash   worker → the latest place of its queue; without one it is 0
-- heads        hash   worker → the first place that was not given to anybody; without one it is 1
-- blocks       zset   "worker NUL place" of every 40th place from the first on, by when the message there expires, or the
--                     next of the 40 that are left
-- bodies       hash   id → "expires sent worker NUL command NUL content", of the other messages
-- attempts     hash   id → "attempts visible-from token worker", of the same
-- returned     zset   "worker NUL id" of those that can be received again, all with score 0
-- invisible    zset   "worker NUL id" of those that cannot, all with score 0
-- returns      zset   "worker NUL visible-from NUL id" of the same messages, all with score 0
-- expirations  zset   "worker NUL id" of returned and invisible ones by when they expire
--
-- messages, handling, ready, hidden, due and expiry are texts from now on, so that a program of before that is still
-- running fails with them and harms nothing.
-- KEYS    schema, messages, handling, ready, hidden, due, expiry, bodies, attempts, returned, invisible, returns,
--         expirations
for index = 2, 7 do
  local kind = redis.call('TYPE', KEYS[index]).ok
  if kind == 'hash' or kind == 'zset' then
    redis.call('RENAME', KEYS[index], KEYS[index + 6])
  end
  redis.call('SET', KEYS[index], 'moved by 0003_queues: stop the programs of before')
end
return 'applied'
