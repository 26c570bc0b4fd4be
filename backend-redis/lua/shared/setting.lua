-- `settings` has "revision written" of each key, `values` its JSON, `setting_keys` the keys in order. What a key has to be
-- like is judged without reading values.
local function revision_of(setting)
  local revision = string.match(setting, '^(%d+) %d+$')
  if not revision then
    error(corrupt('a setting is not "revision written"'))
  end
  return revision
end
