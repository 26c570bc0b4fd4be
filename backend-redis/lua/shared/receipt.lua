-- Restates core::messages::check_receipt: the attempts and visible-from of a claim that lives, nothing when it is stale.
local function claim_of(records, attempts, id, worker, incarnation, token, now)
  local found = redis.call('HGET', attempts, id)
  if not found then
    return nil
  end
  local count, visible_from, held_by, whose = parse_attempts(found)
  if held_by ~= token or visible_from <= now or whose ~= worker then
    return nil
  end
  if record_of(records, worker) ~= incarnation then
    return nil
  end
  return count, visible_from
end
