// Files of the journal: names and headers.
//
//   header = magic 8 bytes · version u32 · crc u32 · logId 12 bytes · seed u32 · firstLsn u64 · previousCrc u32
//          · zero to 64 bytes
//
// A header is durable before the first frame is written behind it, so a file without a whole valid header holds no
// frame, unless it was damaged.

import { crc32 } from 'node:zlib';
import { putU64, takeU64, viewOf } from '@pulses/shared-binary';

export const SEGMENT_HEADER_BYTES = 64;
export const LOG_ID_BYTES = 12;

export const SEGMENT_MAGIC = new TextEncoder().encode('PULSJRN2');
const MAGIC_OF_FORMAT_1 = new TextEncoder().encode('PULSJRN1');
const VERSION = 2;
const NAME = /^(\d{16})\.journal$/;

/** What tells one log from every other. */
export interface LogIdentity {
  /** Random, made with the data directory; part of every incarnation, so clients know it. */
  readonly logId: Uint8Array;
  /** Random and never told: where the CRCs of frames start. */
  readonly seed: number;
}

export interface SegmentHeader extends LogIdentity {
  readonly firstLsn: number;
  /** CRC of the frame before the first one; 0 before LSN 1. */
  readonly previousCrc: number;
}

export function isSameLog(left: LogIdentity, right: LogIdentity): boolean {
  return left.seed === right.seed && left.logId.every((byte, index) => byte === right.logId[index]);
}

export function segmentName(firstLsn: number): string {
  return `${String(firstLsn).padStart(16, '0')}.journal`;
}

/** First LSN that the name states; undefined for another kind of file. */
export function firstLsnOf(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = viewOf(bytes);
  bytes.set(SEGMENT_MAGIC, 0);
  view.setUint32(8, VERSION, true);
  bytes.set(header.logId, 16);
  view.setUint32(28, header.seed, true);
  putU64(view, 32, header.firstLsn);
  view.setUint32(40, header.previousCrc, true);
  view.setUint32(12, headerCrc(bytes), true);
  return bytes;
}

/** Whether a file is a segment of a release that gave each topic files of its own. */
export function isFormat1(bytes: Uint8Array): boolean {
  return MAGIC_OF_FORMAT_1.every((byte, index) => bytes[index] === byte);
}

/** Undefined when the bytes are not a whole valid header. */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  if (!SEGMENT_MAGIC.every((byte, index) => bytes[index] === byte)) return undefined;
  if (view.getUint32(8, true) !== VERSION || view.getUint32(12, true) !== headerCrc(bytes)) return undefined;
  const firstLsn = takeU64(view, 32);
  if (Number.isNaN(firstLsn)) return undefined;
  const identity = { logId: bytes.slice(16, 28), seed: view.getUint32(28, true) };
  return { ...identity, firstLsn, previousCrc: view.getUint32(40, true) };
}

function headerCrc(bytes: Uint8Array): number {
  return crc32(bytes.subarray(16, SEGMENT_HEADER_BYTES), crc32(bytes.subarray(0, 12)));
}
