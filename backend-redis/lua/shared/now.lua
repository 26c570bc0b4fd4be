-- The time in microseconds: the one given (a handle with a manual clock), or this server's when the script began.
local time_of_server
local function now_of(given)
  if given ~= '' then
    return tonumber(given)
  end
  if not time_of_server then
    local time = redis.call('TIME')
    time_of_server = tonumber(time[1]) * 1000000 + tonumber(time[2])
  end
  return time_of_server
end

-- A whole number as text; Lua's own conversion keeps 14 digits only. Exact below 2^53.
local function whole(number)
  return string.format('%d', number)
end

-- The same with 16 digits, so that the order of bytes is the order of numbers.
local function ordered(number)
  return string.format('%016d', number)
end

-- What is thrown when a value was not written by these scripts; the driver makes the kind Corrupt of it.
local function corrupt(what)
  return { err = 'CORRUPT ' .. what }
end
