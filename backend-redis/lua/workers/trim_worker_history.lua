-- Drops what is too old or too much of the histories of workers. Restates core::Retention::is_over. Stops when it has
-- dropped about 1,000 rows, so that it holds up nobody.
-- KEYS    history
-- ARGV    now (empty: this server's), after which name (empty: from the start), how many names, after how many
--         microseconds a row is too old (empty: never), how many rows of a name are kept (empty: all), how many of one
--         name it drops at most
-- Answer  {"trimmed", how many rows were dropped, how many names were visited, the last of them, 1 when there are more
--         names, else 0}
local history = KEYS[1]
local now, after, names = now_of(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local retention = { age = tonumber(ARGV[4]), rows = tonumber(ARGV[5]) }

return trim(history, after, names, retention, tonumber(ARGV[6]), now)
