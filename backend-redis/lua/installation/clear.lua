-- Deletes workers, lead, messages and history, in one step and without listing them. The schema stays, and so do the
-- counters, the term and the promise of the latest lease.
-- KEYS    seat, and every other key of the installation but schema and counters
-- ARGV    none
-- Answer  "cleared"
local seat = KEYS[1]

vacate(seat)
for index = 2, #KEYS do
  redis.call('UNLINK', KEYS[index])
end
return 'cleared'
