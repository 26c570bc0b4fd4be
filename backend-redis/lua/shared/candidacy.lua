-- Ends a worker's candidacy. `candidates` has until when each stands, `ranking` has them by name.
local function withdraw(candidates, ranking, name)
  if redis.call('ZREM', candidates, name) == 1 then
    redis.call('ZREM', ranking, name)
  end
end

-- Ends a worker's candidacy, and vacates the seat if it holds it.
local function step_back(candidates, ranking, seat, name)
  withdraw(candidates, ranking, name)
  if redis.call('HGET', seat, 'worker') == name then
    vacate(seat)
  end
end
