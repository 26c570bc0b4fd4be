-- The seat (core::leadership::Seat): its term, who holds it (worker is false when nobody does), until when the latest
-- lease was promised.
local function seat_of(seat)
  local found = redis.call('HMGET', seat, 'term', 'worker', 'incarnation', 'until')
  return { term = found[1] or '0', worker = found[2], incarnation = found[3], ends = tonumber(found[4] or '0') }
end

-- Restates Seat::leader.
local function is_led(held, now)
  return held.worker and now < held.ends
end

-- An answer that begins with `word` and goes on with who leads, if anybody.
local function with_leader(word, held, now)
  if is_led(held, now) then
    return { word, held.worker, held.incarnation, held.term, whole(held.ends) }
  end
  return { word }
end

-- Restates Seat::holds.
local function holds(held, term, worker, incarnation, now)
  return held.worker == worker and held.incarnation == incarnation and held.term == term and now < held.ends
end

-- Restates Seat::vacated: the term and the promise stay.
local function vacate(seat)
  redis.call('HDEL', seat, 'worker', 'incarnation')
end
