-- Makes the caller the owner of a source and returns its windows.
--
-- KEYS[1]  source (hash): owner, and for each window `w<start ms>` = its name
-- ARGV[1]  the new owner's token
-- ARGV[2]  time to live, ms
-- ARGV[3…] alternating field and value: a description of the source for operators
--
-- Returns the windows: start (ms), name, start, name, …
--
-- Atomic because no other owner may change the windows once they are read. Every other script rejects any owner but this
-- one, so an ingestor that wakes up from a pause changes nothing.

local fields = redis.call('HGETALL', KEYS[1])
redis.call('HSET', KEYS[1], 'owner', ARGV[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])

local windows = {}
for i = 1, #fields, 2 do
  local start = string.match(fields[i], '^w(-?%d+)$')
  if start then
    windows[#windows + 1] = start
    windows[#windows + 1] = fields[i + 1]
  end
end
return windows
