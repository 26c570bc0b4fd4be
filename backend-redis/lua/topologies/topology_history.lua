-- A page of a topology's history, newest first.
-- KEYS    topology_history
-- ARGV    id, before which number (16 digits; empty: from the newest), how many
-- Answer  {"page", {row, …}}, each "id NUL number when", a space, and what the topology showed
local history = KEYS[1]
local id, before, count = ARGV[1], ARGV[2], ARGV[3]

local newest = before == '' and '(' .. id .. '\1' or '(' .. id .. '\0' .. before
return { 'page', redis.call('ZREVRANGEBYLEX', history, newest, '[' .. id .. '\0', 'LIMIT', 0, count) }
