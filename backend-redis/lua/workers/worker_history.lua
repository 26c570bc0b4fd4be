-- A page of a worker's history, newest first.
-- KEYS    history
-- ARGV    worker, before which number (16 digits; empty: from the newest), how many
-- Answer  {"page", {row, …}}, each "worker NUL number when incarnation status role"
local history = KEYS[1]
local worker, before, count = ARGV[1], ARGV[2], ARGV[3]

local newest = before == '' and '(' .. worker .. '\1' or '(' .. worker .. '\0' .. before
return { 'page', redis.call('ZREVRANGEBYLEX', history, newest, '[' .. worker .. '\0', 'LIMIT', 0, count) }
