// Ids of output objects: UUIDs of version 8 (RFC 9562), each a pure function of where its object comes from.
//
//   grouped      48 + 12 bits of SHA-256 over (topic, incarnation), then the source offset in the low 62 bits: unique
//                within an incarnation without a hash for each pulse
//   aggregated   the first 122 free bits of SHA-256 over (topic, incarnation, window, key)

import { createHash } from 'node:crypto';

export const UUID_BYTES = 36;

const HEX = Buffer.from('0123456789abcdef');
const VERSION_8 = 0x80;
const VARIANT = 0x80;

/** Where outputs come from. */
export interface SourceId {
  readonly topic: string;
  readonly incarnation: string;
}

/** @see createGroupedIds */
export interface GroupedIds {
  /** Writes the id of the grouped line of a source offset as 36 ASCII bytes; answers the position behind it. */
  write(offset: number, out: Uint8Array, position: number): number;
}

/** The ids of the grouped lines of one source. */
export function createGroupedIds(source: SourceId): GroupedIds {
  const template = Buffer.alloc(UUID_BYTES);
  writeUuid(digestOf('grouped', [source.topic, source.incarnation]), template, 0);
  // Variant bits 10, then 62 bits of the offset: only its low 53 can be set, so the digit behind the dash is 8.
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

/** The id of the sum of a key in a window, as text. */
export function aggregatedId(source: SourceId, windowStartMs: number, windowMs: number, key: Uint8Array): string {
  const out = Buffer.alloc(UUID_BYTES);
  const digest = digestOf('aggregated', [source.topic, source.incarnation, `${windowStartMs}`, `${windowMs}`, key]);
  writeUuid(digest, out, 0);
  return out.toString('latin1');
}

/** SHA-256 over a domain and parts, each behind its length, so that no two lists run together. */
function digestOf(domain: string, parts: readonly (string | Uint8Array)[]): Buffer {
  const digest = createHash('sha256');
  const length = Buffer.alloc(4);
  for (const part of [domain, ...parts]) {
    length.writeUInt32LE(Buffer.byteLength(part));
    digest.update(length).update(part);
  }
  return digest.digest();
}

function writeUuid(bits: Buffer, out: Uint8Array, position: number): void {
  bits[6] = ((bits[6] ?? 0) & 0x0f) | VERSION_8;
  bits[8] = ((bits[8] ?? 0) & 0x3f) | VARIANT;
  const hex = bits.toString('hex', 0, 16);
  const text = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  out.set(Buffer.from(text, 'latin1'), position);
}
