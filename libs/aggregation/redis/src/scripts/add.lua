-- Adds one chunk of a delta to a window, or does nothing.
--
-- A delta covers the source offsets [from, to) and is cut into chunks. The fields of the window hold its progress:
--   next   the sums cover the source offsets below this one
--   goal   `to` of a delta that is added in part; empty when none
--   part   number of its added chunks; when 0, the sums are those of [first offset, next)
--   keys   keys with sums;  sealed  1 when the window accepts no more
--
-- KEYS[1]  source (hash)             KEYS[3]  rows of one bucket (hash): id -> row
-- KEYS[2]  window (hash)             KEYS[4]  keys of the same bucket (string), in order of ids
-- ARGV[1]  owner's token
-- ARGV[2]  time to live, ms
-- ARGV[3]  window start, ms
-- ARGV[4]  window name
-- ARGV[5]  from, source offset       ARGV[6]  to, source offset
-- ARGV[7]  index of the chunk        ARGV[8]  chunks of the delta
-- ARGV[9]  1 when this is the window's first delta
-- ARGV[10] rows in the bucket before ARGV[11] bytes of keys in the bucket before
-- ARGV[12] new keys in this chunk    ARGV[13] their bytes, in order of ids
-- ARGV[14] rows to add, 64 bytes each, little endian: id (i32), 0 (i32), then as doubles limbs 0 to 3, count, first and
--          last seen (ms); a stored row is the same without the first 8 bytes
--
-- Returns ADDED, or REPEATED when the chunk was added before. Returns without a change: FENCED (another owner), LOST (the
-- window differs from the caller's state), CONFLICT (another delta was expected) or SEALED.
--
-- Atomic because fence and sums change together, so a repeated chunk or a late owner's chunk can't be added twice. All
-- checks come before the first write, since Lua does not roll back, and Redis rejects that write when its memory is full.
--
-- Exact: limbs 1 to 3 are integers strictly between -10^15 and 10^15, before and after, and limb 0 between -2^53 and 2^53.
-- The sum of two and a carry is below 2^53 in magnitude, where doubles are exact integers. A larger sum in limb 0 becomes
-- NaN, which every reader rejects.

local call, unpack_row, pack_row, sub = redis.call, struct.unpack, struct.pack, string.sub
local from, to, index, chunks = ARGV[5], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local new_keys, bytes = tonumber(ARGV[12]), ARGV[14]

local source = call('HMGET', KEYS[1], 'owner', 'w' .. ARGV[3])
if source[1] ~= ARGV[1] then return 'FENCED' end
local window = call('HMGET', KEYS[2], 'next', 'goal', 'part', 'keys', 'sealed')
local next, goal, part, keys, sealed = window[1], window[2], tonumber(window[3]), tonumber(window[4]), window[5]
if next then
  if source[2] ~= ARGV[4] then return 'LOST' end
  if goal == to and index < part or tonumber(to) <= tonumber(next) then return 'REPEATED' end
  if sealed == '1' then return 'SEALED' end
  if part == 0 and (index ~= 0 or from ~= next) then return 'CONFLICT' end
  if part > 0 and (index ~= part or goal ~= to) then return 'CONFLICT' end
else
  if ARGV[9] ~= '1' or index ~= 0 then return 'LOST' end
  if source[2] then return 'CONFLICT' end
  keys = 0
end

local rows = #bytes / 64
local ids = {}
for i = 1, rows do ids[i] = sub(bytes, i * 64 - 63, i * 64 - 60) end
local old = rows > 0 and call('HMGET', KEYS[3], unpack(ids)) or {}
local absent = 0
for i = 1, rows do if not old[i] then absent = absent + 1 end end
if absent ~= new_keys then return 'LOST' end
if rows > 0 and call('HLEN', KEYS[3]) ~= tonumber(ARGV[10]) then return 'LOST' end
if new_keys > 0 and call('STRLEN', KEYS[4]) ~= tonumber(ARGV[11]) then return 'LOST' end

local stored = {}
for i = 1, rows do
  local row
  if old[i] then
    local _, _, a0, a1, a2, a3, count, _, last = unpack_row('<i4i4ddddddd', bytes, i * 64 - 63)
    local b0, b1, b2, b3, counted, first = unpack_row('<dddddd', old[i])
    local carry = 0
    a3 = a3 + b3
    if a3 >= 1e15 then a3 = a3 - 1e15 carry = 1 elseif a3 <= -1e15 then a3 = a3 + 1e15 carry = -1 end
    a2 = a2 + b2 + carry
    carry = 0
    if a2 >= 1e15 then a2 = a2 - 1e15 carry = 1 elseif a2 <= -1e15 then a2 = a2 + 1e15 carry = -1 end
    a1 = a1 + b1 + carry
    carry = 0
    if a1 >= 1e15 then a1 = a1 - 1e15 carry = 1 elseif a1 <= -1e15 then a1 = a1 + 1e15 carry = -1 end
    a0 = a0 + b0 + carry
    if not (a0 <= 9007199254740991 and a0 >= -9007199254740991) then a0 = 0 / 0 end
    row = pack_row('<ddddddd', a0, a1, a2, a3, count + counted, first, last)
  else
    row = sub(bytes, i * 64 - 55, i * 64)
  end
  stored[2 * i - 1] = ids[i]
  stored[2 * i] = row
end

local is_last = index + 1 == chunks
if rows > 0 then call('HSET', KEYS[3], unpack(stored)) end
if new_keys > 0 then call('APPEND', KEYS[4], ARGV[13]) end
if not next then
  call('HSET', KEYS[2], 'from', from, 'next', from, 'sealed', '0')
  call('HSET', KEYS[1], 'w' .. ARGV[3], ARGV[4])
end
if is_last then
  call('HSET', KEYS[2], 'keys', keys + new_keys, 'next', to, 'goal', '', 'part', 0)
else
  call('HSET', KEYS[2], 'keys', keys + new_keys, 'goal', to, 'part', index + 1)
end
for i = 1, 4 do call('PEXPIRE', KEYS[i], ARGV[2]) end
return 'ADDED'
