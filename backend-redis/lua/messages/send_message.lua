-- Puts messages at the ends of queues, one after the other, each as if it were alone. Restates
-- core::leadership::check_leading where a term is given.
-- KEYS    records, counters, messages, ready, expiry, seat
-- ARGV    now (empty: this server's), and for each: worker, ttl in microseconds, the term when only the leader may send it
--         (empty: anybody may), "command NUL content"
-- Answer  for each its id (16 digits) or "unknown" or "stale_term"
local keys = { counters = KEYS[2], messages = KEYS[3], ready = KEYS[4], expiry = KEYS[5] }
local records, seat = KEYS[1], KEYS[6]
local now, held = now_of(ARGV[1]), nil

local workers = {}
for at = 2, #ARGV, 4 do
  workers[#workers + 1] = ARGV[at]
end
local answers, told, places = {}, {}, {}
for index, record in ipairs(redis.call('HMGET', records, unpack(workers))) do
  local at = 4 * index - 2
  local term, word = ARGV[at + 2], nil
  if not record then
    word = 'unknown'
  elseif term ~= '' then
    held = held or seat_of(seat)
    if not is_led(held, now) or held.term ~= term then
      word = 'stale_term'
    end
  end
  if not word then
    told[#told + 1] = { worker = workers[index], ttl = tonumber(ARGV[at + 1]), what = ARGV[at + 3] }
    places[#told] = index
  end
  answers[index] = word or ''
end
if #told > 0 then
  for position, id in ipairs(tell_all(keys, told, now)) do
    answers[places[position]] = id
  end
end
return answers
