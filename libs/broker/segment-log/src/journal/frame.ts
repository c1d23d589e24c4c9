// Journal frames as bytes: one request, whose effect is one atomic step.
//
//   frame  = header(64) ids:u32×rows counts:u32×rows lengths:u32×rows entries payload zero-to-8
//   header = magic u32 · metaLength u32 · payloadLength u32 · rows u32 · lsn u64 · syncedUpTo u64 · timestampMs u64
//          · previousCrc u32 · metaCrc u32 · payloadCrc u32 · zero u32 · zero u32 · headerCrc u32
//
// Row i appends `counts[i]` messages, `lengths[i]` bytes of the payload, to topic `ids[i]`. `metaCrc` covers columns and
// entries, `headerCrc` the header before it; both start from the log's secret seed, so that a frame of another log, or one
// that a client sends as a message, is not a frame of this one. `payloadCrc` has no seed: it is the sender's, and is handed
// to readers. `previousCrc` is the `headerCrc` of the frame before: one that is missing, replaced or stale shows.
//
// Guarantees: what `sealFrame` completes, `checkFrame` accepts; anything else is undefined, never an exception.

import { crc32 } from 'node:zlib';
import { FieldError, FieldReader, putU64, takeU64, viewOf } from '@pulses/shared-binary';
import { readEntry, type Entry } from './entries';

export const FRAME_HEADER_BYTES = 64;
export const ROW_BYTES = 12;
/** "PJF2" */
export const FRAME_MAGIC = 0x32464a50;
/** Above every frame that is ever written: the largest request with its columns and entries. */
const FRAME_BYTES_LIMIT = 64 * 1024 * 1024;

const META_LENGTH_AT = 4;
const PAYLOAD_LENGTH_AT = 8;
const ROWS_AT = 12;
const LSN_AT = 16;
const SYNCED_AT = 24;
const TIMESTAMP_AT = 32;
const PREVIOUS_CRC_AT = 40;
const META_CRC_AT = 44;
const PAYLOAD_CRC_AT = 48;
const HEADER_CRC_AT = 60;

export interface FrameHeader {
  readonly metaLength: number;
  readonly payloadLength: number;
  readonly rows: number;
  readonly lsn: number;
  /** Every frame up to this LSN was durable when this one was written. */
  readonly syncedUpTo: number;
  readonly timestampMs: number;
  readonly previousCrc: number;
  readonly metaCrc: number;
  readonly payloadCrc: number;
  /** CRC of the header, by which the next frame follows on this one. */
  readonly crc: number;
  /** All of it, with the padding. */
  readonly frameLength: number;
}

/** Bytes of a frame with its padding. */
export function frameLengthOf(metaLength: number, payloadLength: number): number {
  return Math.ceil((FRAME_HEADER_BYTES + metaLength + payloadLength) / 8) * 8;
}

/**
 * Completes the frame at `bytes[at]`, whose columns, entries and payload are there: writes header and padding.
 * @returns the header's CRC
 */
export function sealFrame(
  bytes: Buffer,
  view: DataView,
  at: number,
  frame: Omit<FrameHeader, 'crc' | 'metaCrc' | 'frameLength'>,
  seed: number,
): number {
  const metaAt = at + FRAME_HEADER_BYTES;
  const end = metaAt + frame.metaLength + frame.payloadLength;
  bytes.fill(0, end, at + frameLengthOf(frame.metaLength, frame.payloadLength));
  view.setUint32(at, FRAME_MAGIC, true);
  view.setUint32(at + META_LENGTH_AT, frame.metaLength, true);
  view.setUint32(at + PAYLOAD_LENGTH_AT, frame.payloadLength, true);
  view.setUint32(at + ROWS_AT, frame.rows, true);
  putU64(view, at + LSN_AT, frame.lsn);
  putU64(view, at + SYNCED_AT, frame.syncedUpTo);
  putU64(view, at + TIMESTAMP_AT, frame.timestampMs);
  view.setUint32(at + PREVIOUS_CRC_AT, frame.previousCrc, true);
  view.setUint32(at + META_CRC_AT, crc32(bytes.subarray(metaAt, metaAt + frame.metaLength), seed), true);
  view.setUint32(at + PAYLOAD_CRC_AT, frame.payloadCrc, true);
  putU64(view, at + PAYLOAD_CRC_AT + 4, 0);
  const crc = crc32(bytes.subarray(at, at + HEADER_CRC_AT), seed);
  view.setUint32(at + HEADER_CRC_AT, crc, true);
  return crc;
}

/** The header at `bytes[at]`, when it is whole and valid; says nothing about what follows it. */
export function readHeader(bytes: Uint8Array, at: number, seed: number): FrameHeader | undefined {
  if (at + FRAME_HEADER_BYTES > bytes.length) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(at, true) !== FRAME_MAGIC) return undefined;
  const crc = crc32(bytes.subarray(at, at + HEADER_CRC_AT), seed);
  if (view.getUint32(at + HEADER_CRC_AT, true) !== crc) return undefined;
  const metaLength = view.getUint32(at + META_LENGTH_AT, true);
  const payloadLength = view.getUint32(at + PAYLOAD_LENGTH_AT, true);
  const rows = view.getUint32(at + ROWS_AT, true);
  const lsn = takeU64(view, at + LSN_AT);
  const syncedUpTo = takeU64(view, at + SYNCED_AT);
  const timestampMs = takeU64(view, at + TIMESTAMP_AT);
  const frameLength = frameLengthOf(metaLength, payloadLength);
  if (frameLength > FRAME_BYTES_LIMIT || rows * ROW_BYTES > metaLength) return undefined;
  if (Number.isNaN(lsn + syncedUpTo + timestampMs)) return undefined;
  return {
    metaLength,
    payloadLength,
    rows,
    lsn,
    syncedUpTo,
    timestampMs,
    previousCrc: view.getUint32(at + PREVIOUS_CRC_AT, true),
    metaCrc: view.getUint32(at + META_CRC_AT, true),
    payloadCrc: view.getUint32(at + PAYLOAD_CRC_AT, true),
    crc,
    frameLength,
  };
}

/** The header of the frame at `bytes[at]`, when all of the frame is there and valid. */
export function checkFrame(bytes: Uint8Array, at: number, seed: number): FrameHeader | undefined {
  const header = readHeader(bytes, at, seed);
  if (header === undefined || at + header.frameLength > bytes.length) return undefined;
  const metaAt = at + FRAME_HEADER_BYTES;
  const payloadAt = metaAt + header.metaLength;
  if (crc32(bytes.subarray(metaAt, payloadAt), seed) !== header.metaCrc) return undefined;
  const payloadEnd = payloadAt + header.payloadLength;
  if (crc32(bytes.subarray(payloadAt, payloadEnd)) !== header.payloadCrc) return undefined;
  for (let pad = payloadEnd; pad < at + header.frameLength; pad += 1) if (bytes[pad] !== 0) return undefined;
  return header;
}

/** The columns of the frame at `bytes[at]`: ids, then counts, then lengths. A view when it is aligned, else a copy. */
export function columnsOf(bytes: Uint8Array, at: number, rows: number): Uint32Array {
  const start = bytes.byteOffset + at + FRAME_HEADER_BYTES;
  if (start % 4 === 0) return new Uint32Array(bytes.buffer, start, rows * 3);
  return new Uint32Array(bytes.slice(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + rows * ROW_BYTES).buffer);
}

/** The entries of a frame that was checked; undefined when they are not valid, or the rows do not fill the payload. */
export function entriesOf(bytes: Uint8Array, at: number, header: FrameHeader): Entry[] | undefined {
  const metaAt = at + FRAME_HEADER_BYTES;
  const reader = new FieldReader(bytes, metaAt + header.rows * ROW_BYTES, metaAt + header.metaLength);
  const entries: Entry[] = [];
  try {
    while (reader.remaining > 0) entries.push(readEntry(reader));
  } catch (error) {
    if (error instanceof FieldError) return undefined;
    throw error;
  }
  const columns = columnsOf(bytes, at, header.rows);
  let length = 0;
  for (let row = 0; row < header.rows; row += 1) length += columns[2 * header.rows + row]!; // three columns
  return length === header.payloadLength ? entries : undefined;
}
