// MurmurHash2 of 32 bits as Kafka's clients use it to choose a partition (Austin Appleby; Kafka's `Utils.murmur2`).

const SEED = 0x9747b28c;
const MIX = 0x5bd1e995;

/** A signed 32-bit hash. */
export function murmur2(data: Uint8Array): number {
  const { length } = data;
  const whole = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < whole; at += 4) {
    let word = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24); // below the end
    word = Math.imul(word, MIX);
    word ^= word >>> 24;
    hash = Math.imul(hash, MIX) ^ Math.imul(word, MIX);
  }
  const rest = length - whole;
  if (rest > 2) hash ^= data[whole + 2]! << 16; // below the end
  if (rest > 1) hash ^= data[whole + 1]! << 8; // below the end
  if (rest > 0) hash = Math.imul(hash ^ data[whole]!, MIX); // below the end
  hash = Math.imul(hash ^ (hash >>> 13), MIX);
  return hash ^ (hash >>> 15);
}

/** The partition of a key, as Kafka's default partitioner chooses it. */
export function partitionOf(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount;
}
