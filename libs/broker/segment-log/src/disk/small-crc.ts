// CRC-32 of a few bytes, where a call of zlib costs more than the bytes.

import { crc32 } from 'node:zlib';

/** Longer ones are zlib's. */
const OWN_BYTES_MAX = 96;
const POLYNOMIAL = 0xedb88320;

/** `TABLES[n]` takes a byte that `n` more follow. */
const TABLES = [new Uint32Array(256), new Uint32Array(256), new Uint32Array(256), new Uint32Array(256)] as const;
const [T0, T1, T2, T3] = TABLES;

for (let byte = 0; byte < 256; byte += 1) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  T0[byte] = crc;
}
for (let more = 1; more < TABLES.length; more += 1) {
  for (let byte = 0; byte < 256; byte += 1) {
    const before = TABLES[more - 1]![byte]!; // filled just before
    TABLES[more]![byte] = (before >>> 8) ^ T0[before & 0xff]!;
  }
}

/** CRC-32 of `bytes[from, end)`, that of zlib. */
export function crcOfSome(bytes: Uint8Array, from: number, end: number, seed = 0): number {
  if (end - from > OWN_BYTES_MAX) return crc32(bytes.subarray(from, end), seed);
  let crc = ~seed;
  let at = from;
  // Indexes are bytes, and below the end.
  for (; at + 4 <= end; at += 4) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc = T3[crc & 0xff]! ^ T2[(crc >>> 8) & 0xff]! ^ T1[(crc >>> 16) & 0xff]! ^ T0[crc >>> 24]!;
  }
  for (; at < end; at += 1) crc = T0[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
