-- Reads a run of rows of one bucket.
--
-- KEYS[1]  source (hash)             KEYS[3]  rows of the bucket (hash): id -> row
-- KEYS[2]  window (hash)
-- ARGV[1]  owner's token
-- ARGV[2]  source offset up to which the sums reach
-- ARGV[3]  first id                  ARGV[4]  id behind the last, at most 4,096 more
--
-- Returns a list: OK and the rows back to back; or only FENCED (another owner) or LOST (the window differs from the
-- caller's state, or a row is missing).
--
-- Atomic because rows are valid only together with the offset up to which they sum.

if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return { 'FENCED' } end
local window = redis.call('HMGET', KEYS[2], 'next', 'part')
if window[1] ~= ARGV[2] or window[2] ~= '0' then return { 'LOST' } end
local ids = {}
for id = tonumber(ARGV[3]), tonumber(ARGV[4]) - 1 do ids[#ids + 1] = struct.pack('<i4', id) end
local rows = redis.call('HMGET', KEYS[3], unpack(ids))
for i = 1, #ids do if not rows[i] then return { 'LOST' } end end
return { 'OK', table.concat(rows) }
