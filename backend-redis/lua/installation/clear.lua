-- Deletes workers, lead, topologies, messages, settings and histories, in one step and without listing them. The schema
-- stays, and so do the counters, the term, the promise of the latest lease, and locks.
-- KEYS    seat, and every other key of the installation but schema, counters and those of locks
-- ARGV    none
-- Answer  "cleared"
local seat = KEYS[1]

vacate(seat)
for index = 2, #KEYS do
  redis.call('UNLINK', KEYS[index])
end
return 'cleared'
