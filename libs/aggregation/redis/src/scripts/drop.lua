-- Forgets a window.
--
-- KEYS[1]  source (hash)             KEYS[2…] window (hash), then its buckets' rows and keys
-- ARGV[1]  owner's token
-- ARGV[2]  window start, ms          ARGV[3]  window name
--
-- Returns DROPPED, also when it was forgotten before; or FENCED (another owner), having changed nothing.
--
-- Atomic so that no window is left that is named and has lost a part. UNLINK only takes the names away; Redis frees the
-- memory in a thread of its own.

if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 'FENCED' end
if redis.call('HGET', KEYS[1], 'w' .. ARGV[2]) == ARGV[3] then redis.call('HDEL', KEYS[1], 'w' .. ARGV[2]) end
redis.call('UNLINK', unpack(KEYS, 2))
return 'DROPPED'
