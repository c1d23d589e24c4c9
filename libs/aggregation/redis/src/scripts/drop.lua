-- Forgets a window.
--
-- KEYS[1]  source (hash)             KEYS[2…] window (hash), then its buckets' rows and keys
-- ARGV[1]  owner's token
-- ARGV[2]  window start, ms          ARGV[3]  window name
--
-- Returns DROPPED, also for an unknown window; or FENCED (another owner), without a change.
--
-- Atomic so that no named window has lost a part. UNLINK only removes the names; a thread of Redis frees the memory.

if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 'FENCED' end
if redis.call('HGET', KEYS[1], 'w' .. ARGV[2]) == ARGV[3] then redis.call('HDEL', KEYS[1], 'w' .. ARGV[2]) end
redis.call('UNLINK', unpack(KEYS, 2))
return 'DROPPED'
