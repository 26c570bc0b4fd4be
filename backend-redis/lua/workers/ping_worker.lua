-- Notes that workers live, each as if it were alone. Restates core::workers::check_registration.
-- KEYS    records, watched, unwatched
-- ARGV    now (empty: this server's), and for each: worker, incarnation
-- Answer  for each "pinged" or "unknown" or "stale" or the error that its record is corrupt
local records, watched, unwatched = KEYS[1], KEYS[2], KEYS[3]
local now = whole(now_of(ARGV[1]))

local workers = {}
for at = 2, #ARGV, 2 do
  workers[#workers + 1] = ARGV[at]
end
local answers, heard, heard_before = {}, {}, {}
for index, record in ipairs(redis.call('HMGET', records, unpack(workers))) do
  local is_intact, latest, status = pcall(parse_record, record)
  if not is_intact then
    answers[index] = latest
  elseif not latest then
    answers[index] = 'unknown'
  elseif latest ~= ARGV[2 * index + 1] then
    answers[index] = 'stale'
  else
    local list = is_watched(status) and heard or heard_before
    list[#list + 1], list[#list + 2] = now, workers[index]
    answers[index] = 'pinged'
  end
end
if #heard > 0 then
  redis.call('ZADD', watched, unpack(heard))
end
if #heard_before > 0 then
  redis.call('ZADD', unwatched, unpack(heard_before))
end
return answers
