-- Runs several operations one after the other, each as if it were alone: what one of them throws is its own answer. Ends
-- early when those before have moved or gathered as much as one script should.
-- KEYS    every key of the installation
-- ARGV    for each operation: its name, the number of its arguments, its arguments
-- Answer  the answer of each operation that was run, by their order; the others did not happen
local function answer_of(operation, arguments)
  local is_done, answer = pcall(operation.run, operation.keys, arguments)
  if is_done then
    return answer or false
  end
  -- Some servers hand over the text of an error only. One that begins with a code was meant for the driver.
  local text = tostring(type(answer) == 'table' and answer.err or answer)
  return { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text .. ' (a script of an operation)' }
end

local answers, at, last = {}, 1, #ARGV
while at <= last and moved < STEP and gathered < GATHERED_BYTES do
  local behind = at + 2 + tonumber(ARGV[at + 1])
  answers[#answers + 1] = answer_of(operations[ARGV[at]], { unpack(ARGV, at + 2, behind - 1) })
  at = behind
end
return answers
