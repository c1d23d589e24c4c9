-- Seals a window: its sums no longer change.
--
-- KEYS[1]  source (hash)             KEYS[2]  window (hash)
-- ARGV[1]  owner's token             ARGV[2]  time to live, ms
-- ARGV[3]  source offset up to which the sums reach
-- ARGV[4]  keys with sums
--
-- Returns SEALED; or without a change FENCED (another owner) or LOST (the window differs from the caller's state).
--
-- Atomic because the checked window must be the sealed one.

if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 'FENCED' end
local window = redis.call('HMGET', KEYS[2], 'next', 'part', 'keys')
if window[1] ~= ARGV[3] or window[2] ~= '0' or window[3] ~= ARGV[4] then return 'LOST' end
redis.call('HSET', KEYS[2], 'sealed', '1')
for i = 1, 2 do redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
return 'SEALED'
