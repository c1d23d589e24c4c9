// Ids of output objects: UUIDs of version 8 (RFC 9562), each a pure function of its object's origin.
//
//   grouped      48 + 12 bits of SHA-256 over (topic, incarnation), then the source offset in the low 62 bits: unique
//                within an incarnation without a hash for each pulse
//   aggregated   the first 122 free bits of SHA-256 over (topic, incarnation, window, key)

import { hash } from 'node:crypto';

export const UUID_BYTES = 36;

const HEX = Buffer.from('0123456789abcdef');
const LENGTH_BYTES = 4;
/** The two bits of the variant, then any two. */
const VARIANTS = '89ab';

/** The origin of outputs. */
export interface SourceId {
  readonly topic: string;
  readonly incarnation: string;
}

/** @see createGroupedIds */
export interface GroupedIds {
  /** Writes the id of the grouped line of a source offset as 36 ASCII bytes, and returns the position after it. */
  write(offset: number, out: Uint8Array, position: number): number;
}

/** The ids of the grouped lines of one source. */
export function createGroupedIds(source: SourceId): GroupedIds {
  const template = Buffer.from(
    uuidOf(hash('sha256', partsOf(['grouped', source.topic, source.incarnation]), 'hex')),
    'latin1',
  );
  // Variant bits 10, then 62 bits of the offset: only its low 53 can be set, so the digit after the dash is 8.
  template.write('8000-000000000000', 19, 'latin1');
  return {
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

/** Returns a function from the bytes of a key to the id of its sum, for one window. */
export function aggregatedIds(source: SourceId, windowStartMs: number, windowMs: number): (key: Uint8Array) => string {
  const shared = partsOf(['aggregated', source.topic, source.incarnation, `${windowStartMs}`, `${windowMs}`]);
  const keyAt = shared.byteLength + LENGTH_BYTES;
  let parts = Buffer.alloc(keyAt);
  shared.copy(parts);
  return (key) => {
    const end = keyAt + key.byteLength;
    if (end > parts.byteLength) parts = Buffer.concat([shared], 2 * end);
    parts.writeUInt32LE(key.byteLength, shared.byteLength);
    parts.set(key, keyAt);
    return uuidOf(hash('sha256', parts.subarray(0, end), 'hex'));
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

/** @param digest at least 32 hexadecimal digits */
function uuidOf(digest: string): string {
  const variant = VARIANTS[Number.parseInt(digest.charAt(16), 16) % VARIANTS.length];
  return (
    `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-` +
    `${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`
  );
}
