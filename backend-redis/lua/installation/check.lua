-- What is set up.
-- KEYS    schema
-- ARGV    none
-- Answer  {"schema", version, {name, checksum, name, …}} of the migrations that were applied
local schema = KEYS[1]

local version, applied = '0', {}
local fields = redis.call('HGETALL', schema)
for index = 1, #fields, 2 do
  if fields[index] == 'version' then
    version = fields[index + 1]
  else
    applied[#applied + 1], applied[#applied + 2] = fields[index], fields[index + 1]
  end
end
return { 'schema', version, applied }
