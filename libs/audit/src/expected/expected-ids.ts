// The ids of output objects, computed without any code of the pipeline that writes them.
//
// Both are UUIDs of version 8 over SHA-256 of a domain and parts, each prefixed by its length as u32le:
//
//   grouped      48 + 12 bits of the digest of (topic, incarnation), then the source offset in the low 62 bits
//   aggregated   the first 122 free bits of the digest of (topic, incarnation, window start, window length, key)

import { hash } from 'node:crypto';
import type { SourceId } from '@pulses/shared-pulse-model';

export const ID_BYTES = 36;
/** Characters of a grouped id that all offsets share: three groups, a dash, and the digit of the variant. */
export const GROUPED_ID_PREFIX_BYTES = 20;
/** Digits of an offset in a grouped id: three after the variant, and the last group. */
const OFFSET_DIGITS = 15;
const LENGTH_BYTES = 4;
const HEX = Buffer.from('0123456789abcdef');

/** The id of the grouped line of a source offset. */
export function groupedIds(source: SourceId): (offset: number) => string {
  const digest = digestOf([part('grouped'), part(source.topic), part(source.incarnation)]);
  const prefix = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-8`;
  return (offset) => {
    const digits = offset.toString(16).padStart(OFFSET_DIGITS, '0');
    return `${prefix}${digits.slice(0, 3)}-${digits.slice(3)}`;
  };
}

/** Writes the digits of an offset over those of the grouped id of offset 0 that starts at `start`. */
export function writeIdOffset(offset: number, bytes: Uint8Array, start: number): void {
  let rest = offset;
  for (let at = start + ID_BYTES - 1; rest > 0; at -= 1) {
    // The dash before the last group.
    if (at === start + 23) at -= 1;
    const high = Math.floor(rest / 16);
    bytes[at] = HEX[rest - high * 16] as number;
    rest = high;
  }
}

/** The ids of the sums of one window. `key` is u16le length and bytes of tenant, SKU and unit. */
export function aggregatedIds(source: SourceId, startMs: number, windowMs: number): (key: Uint8Array) => string {
  const window = [
    part('aggregated'),
    part(source.topic),
    part(source.incarnation),
    part(`${startMs}`),
    part(`${windowMs}`),
  ];
  const keyAt = Buffer.concat(window).length + LENGTH_BYTES;
  // The hashed bytes: the window's parts, then the key, overwritten for each key.
  let hashed = Buffer.concat(window, keyAt);
  return (key) => {
    if (keyAt + key.byteLength > hashed.length) hashed = Buffer.concat([hashed], keyAt + key.byteLength);
    hashed.writeUInt32LE(key.byteLength, keyAt - LENGTH_BYTES);
    hashed.set(key, keyAt);
    const digest = hash('sha256', hashed.subarray(0, keyAt + key.byteLength), 'hex');
    const variant = ((parseInt(digest.charAt(16), 16) & 0x3) | 0x8).toString(16);
    return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
  };
}

function digestOf(parts: readonly Buffer[]): string {
  return hash('sha256', Buffer.concat(parts), 'hex');
}

function part(content: string): Buffer {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(bytes.byteLength);
  return Buffer.concat([length, bytes]);
}
