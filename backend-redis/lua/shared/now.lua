-- The time in microseconds: the one given (a handle with a manual clock), or this server's.
local function now_of(given)
  if given ~= '' then
    return tonumber(given)
  end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- A number below 2^53 as text; Lua's own conversion keeps 14 digits only.
local function whole(number)
  return string.format('%.0f', number)
end

-- The same with 16 digits, so that the order of bytes is the order of numbers.
local function ordered(number)
  return string.format('%016.0f', number)
end

-- What is thrown when a value was not written by these scripts; the driver makes the kind Corrupt of it.
local function corrupt(what)
  return { err = 'CORRUPT ' .. what }
end
