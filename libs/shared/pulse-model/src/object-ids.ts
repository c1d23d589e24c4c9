// Ids of output objects: UUIDs of version 8 (RFC 9562), each a pure function of its object's origin.
//
//   grouped      48 + 12 bits of SHA-256 over (topic, incarnation), then the source offset in the low 62 bits: unique
//                within an incarnation without a hash for each pulse
//   aggregated   the first 122 free bits of SHA-256 over (topic, incarnation, window, key)

import { hash } from 'node:crypto';

export const UUID_BYTES = 36;

const HEX = Buffer.from('0123456789abcdef');
const LENGTH_BYTES = 4;
const UUID_DIGITS = 32;
const DASH = 45;
const LOWER_A = 97;
const VERSION = 56;
const VERSION_AT = 14;
const VARIANT_AT = 19;
/** The two bits of the variant, then any two. */
const VARIANTS = Buffer.from('89ab');

/** The origin of outputs. */
export interface SourceId {
  readonly topic: string;
  /** Of the partition, so that no two partitions share an id. */
  readonly incarnation: string;
  /** Number of the partition, which outputs name; undefined for a source that has none. */
  readonly partition?: number;
}

/** @see createGroupedIds */
export interface GroupedIds {
  /** Writes the id of the grouped line of a source offset as 36 ASCII bytes, and returns the position after it. */
  write(offset: number, out: Uint8Array, position: number): number;
  /** How the source's lines end, behind the offset. */
  readonly lineEnd: Uint8Array;
}

/** @see createAggregatedIds */
export interface AggregatedIds {
  /** Writes the id of the sum of a key as 36 ASCII bytes, and returns the position after it. */
  write(key: Uint8Array, out: Uint8Array, position: number): number;
}

/** The ids of the grouped lines of one source. */
export function createGroupedIds(source: SourceId): GroupedIds {
  const template = Buffer.alloc(UUID_BYTES);
  writeUuid(hash('sha256', partsOf(['grouped', source.topic, source.incarnation]), 'hex'), template, 0);
  // Variant bits 10, then 62 bits of the offset: only its low 53 can be set, so the digit after the dash is 8.
  template.write('8000-000000000000', 19, 'latin1');
  const { partition } = source;
  return {
    lineEnd: Buffer.from(partition === undefined ? '}\n' : `,"source_partition":${partition}}\n`),
    write(offset, out, position) {
      for (let index = 0; index < UUID_BYTES; index += 1) out[position + index] = template[index] as number;
      let at = position + UUID_BYTES - 1;
      let rest = offset;
      for (; rest > 0; at -= 1) {
        if (at === position + 23) at -= 1;
        const quotient = Math.floor(rest / 16);
        out[at] = HEX[rest - quotient * 16] as number;
        rest = quotient;
      }
      return position + UUID_BYTES;
    },
  };
}

/** The ids of the sums of one window. */
export function createAggregatedIds(source: SourceId, windowStartMs: number, windowMs: number): AggregatedIds {
  const shared = partsOf(['aggregated', source.topic, source.incarnation, `${windowStartMs}`, `${windowMs}`]);
  const keyAt = shared.byteLength + LENGTH_BYTES;
  let parts = Buffer.alloc(keyAt);
  shared.copy(parts);
  /** Views of the parts by the length of the key: one for each sum would be most of what is collected. */
  let views: Buffer[] = [];
  return {
    write(key, out, position) {
      const { length } = key;
      const end = keyAt + length;
      if (end > parts.byteLength) {
        parts = Buffer.concat([shared], 2 * end);
        views = [];
      }
      parts.writeUInt32LE(length, shared.byteLength);
      for (let index = 0; index < length; index += 1) parts[keyAt + index] = key[index] as number;
      views[length] ??= parts.subarray(0, end);
      return writeUuid(hash('sha256', views[length], 'hex'), out, position);
    },
  };
}

/** The digest of length-prefixed parts, so that different lists never share a digest input. */
function partsOf(parts: readonly string[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt32LE(Buffer.byteLength(part));
      return [length, Buffer.from(part, 'utf8')];
    }),
  );
}

/**
 * Writes the first 122 free bits of a digest as a UUID of version 8, 36 ASCII bytes, and returns the position after it.
 * @param digest at least 32 hexadecimal digits
 */
function writeUuid(digest: string, out: Uint8Array, position: number): number {
  let at = position;
  for (let digit = 0; digit < UUID_DIGITS; digit += 1) {
    if (digit === 8 || digit === 12 || digit === 16 || digit === 20) out[at++] = DASH;
    out[at++] = digest.charCodeAt(digit);
  }
  out[position + VERSION_AT] = VERSION;
  // '0' is 48, so the low bits of a digit's code are its own.
  const variant = digest.charCodeAt(16);
  out[position + VARIANT_AT] = VARIANTS[(variant < LOWER_A ? variant : variant - LOWER_A + 10) & 3] as number;
  return at;
}
