// Finds the one byte of a checked piece of data that is wrong.
//
// CRC-32 is linear: a wrong byte shifts the checksum by a value that depends on what was changed in it and how far it is
// from the end. So each place has one change that explains the checksum, and mostly none that fits into a byte. By accident
// larger damage looks like one byte in `length / 2^24` of all cases: callers check what is left by its own rules.

import { crc32 } from 'node:zlib';

/** Beyond it, accidents are too likely. */
const LENGTH_MAX = 1024 * 1024;

/** By byte: the change of a checksum when the last byte differs in these bits. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb8_8320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});
/** By its highest byte: which of the values it is. */
const INDEX_BY_TOP = new Uint8Array(256);
for (const [index, value] of TABLE.entries()) INDEX_BY_TOP[value >>> 24] = index;

/**
 * A copy with the wrong byte put right; undefined unless exactly one change of one byte, also in the checksum, explains it.
 * @param seed what the checksum starts from
 */
export function mended(bytes: Uint8Array, storedCrc: number, seed: number): Uint8Array | undefined {
  if (bytes.length > LENGTH_MAX) return undefined;
  const difference = (crc32(bytes, seed) ^ storedCrc) >>> 0;
  let found: Uint8Array | undefined;
  if ([0xff, 0xff00, 0xff_0000, 0xff00_0000].some((mask) => (difference & ~mask) === 0)) found = bytes.slice();
  let value = difference;
  for (let at = bytes.length - 1; at >= 0; at -= 1) {
    const index = INDEX_BY_TOP[value >>> 24]!; // of 256
    const step = TABLE[index]!;
    if (step === value) {
      if (found !== undefined) return undefined;
      found = bytes.slice();
      found[at]! ^= index; // in range
    }
    value = (((value ^ step) << 8) | index) >>> 0;
  }
  return found;
}
