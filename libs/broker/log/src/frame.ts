// Journal frames as bytes: the layout is in docs/formats/journal.md.
//
//   frame   = header(48) entries payloads
//   header  = magic u32 · bodyLength u32 · lsn u64 · syncedUpTo u64 · timestampMs u64
//             · previousCrc u32 · entriesLength u32 · headerCrc u32 · crc u32
//   body    = entries (entriesLength bytes) payloads (the rest, in the order of their `appended` entries)
//
// `headerCrc` covers the header before it, `crc` the header before it and the body; both start from the log's seed, so
// that a frame of another log, or one that a client sends as a message, is not a frame of this one. `previousCrc`
// chains the frames: one that is missing or replaced shows.
//
// Guarantees: what `encodeFrame` makes, `readFrame` gives back; anything else is undefined, never an exception.

import { crc32 } from 'node:zlib';
import { FieldError, FieldReader, FieldWriter, putU64, takeU64, viewOf } from '@pulses/shared-binary';
import type { Arena } from './arena';
import { copyInto } from './bytes';
import type { Entry } from './entries';
import { readEntry, sizeOfAppended, sizeOfEntry, writeAppended, writeEntry } from './entry-codec';

export const FRAME_HEADER_BYTES = 48;
/** "PJF1" */
export const FRAME_MAGIC = 0x31464a50;
/** Above every frame that is ever written: the largest request with its entries. */
export const FRAME_BODY_BYTES_MAX = 64 * 1024 * 1024;

const HEADER_CRC_AT = 40;
const CRC_AT = 44;

const NO_BYTES = new Uint8Array(0);

export interface FrameHeader {
  readonly lsn: number;
  /** Every frame up to this LSN was durable when this one was written. */
  readonly syncedUpTo: number;
  readonly timestampMs: number;
  readonly previousCrc: number;
  readonly crc: number;
  /** Header and body. */
  readonly frameLength: number;
  readonly entriesLength: number;
}

export interface Frame extends FrameHeader {
  readonly entries: Entry[];
}

export interface EncodedFrame {
  /** Header and body, in one piece. */
  readonly bytes: Uint8Array;
  readonly crc: number;
  /** Where the payloads start within the frame. */
  readonly payloadsAt: number;
}

/**
 * Makes a frame in memory of the arena. Its payloads are copied there, and their entries then point to the copies: what
 * they came in is not needed any more.
 */
export function encodeFrame(
  header: { lsn: number; syncedUpTo: number; timestampMs: number; previousCrc: number; seed: number },
  entries: readonly Entry[],
  arena: Arena,
): EncodedFrame {
  let entriesLength = 0;
  let payloads = 0;
  for (const entry of entries) {
    if (entry.kind === 'appended') {
      entriesLength += sizeOfAppended(entry);
      payloads += entry.length;
    } else {
      entriesLength += sizeOfEntry(entry);
    }
  }
  const payloadsAt = FRAME_HEADER_BYTES + entriesLength;
  const length = payloadsAt + payloads;
  const { bytes: memory, start } = arena.take(length);

  const writer = FieldWriter.into(memory, start + FRAME_HEADER_BYTES);
  let at = start + payloadsAt;
  for (const entry of entries) {
    if (entry.kind !== 'appended') {
      writeEntry(writer, entry);
      continue;
    }
    writeAppended(writer, entry);
    copyInto(memory, at, entry.bytes, entry.start, entry.length);
    entry.bytes = memory;
    entry.start = at;
    at += entry.length;
  }

  const bytes = memory.subarray(start, start + length);
  const view = viewOf(bytes);
  view.setUint32(0, FRAME_MAGIC, true);
  view.setUint32(4, entriesLength + payloads, true);
  putU64(view, 8, header.lsn);
  putU64(view, 16, header.syncedUpTo);
  putU64(view, 24, header.timestampMs);
  view.setUint32(32, header.previousCrc, true);
  view.setUint32(36, entriesLength, true);
  view.setUint32(HEADER_CRC_AT, crc32(bytes.subarray(0, HEADER_CRC_AT), header.seed), true);
  const crc = crc32(bytes.subarray(FRAME_HEADER_BYTES), crc32(bytes.subarray(0, CRC_AT), header.seed));
  view.setUint32(CRC_AT, crc, true);
  return { bytes, crc, payloadsAt };
}

/** The header at `bytes[at]`, when it is whole and valid; says nothing about the body. */
export function readHeader(bytes: Uint8Array, at: number, seed: number): FrameHeader | undefined {
  if (at + FRAME_HEADER_BYTES > bytes.length) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(at, true) !== FRAME_MAGIC) return undefined;
  const headerCrc = crc32(bytes.subarray(at, at + HEADER_CRC_AT), seed);
  if (view.getUint32(at + HEADER_CRC_AT, true) !== headerCrc) return undefined;
  const bodyLength = view.getUint32(at + 4, true);
  const lsn = takeU64(view, at + 8);
  const syncedUpTo = takeU64(view, at + 16);
  const timestampMs = takeU64(view, at + 24);
  const entriesLength = view.getUint32(at + 36, true);
  if (bodyLength > FRAME_BODY_BYTES_MAX || entriesLength > bodyLength) return undefined;
  if (Number.isNaN(lsn + syncedUpTo + timestampMs)) return undefined;
  return {
    lsn,
    syncedUpTo,
    timestampMs,
    previousCrc: view.getUint32(at + 32, true),
    crc: view.getUint32(at + CRC_AT, true),
    frameLength: FRAME_HEADER_BYTES + bodyLength,
    entriesLength,
  };
}

/** The header of the frame at `bytes[at]`, when all of the frame is there and valid. */
export function checkFrame(bytes: Uint8Array, at: number, seed: number): FrameHeader | undefined {
  const header = readHeader(bytes, at, seed);
  if (header === undefined || at + header.frameLength > bytes.length) return undefined;
  let crc = crc32(bytes.subarray(at, at + CRC_AT), seed);
  crc = crc32(bytes.subarray(at + FRAME_HEADER_BYTES, at + header.frameLength), crc);
  return crc === header.crc ? header : undefined;
}

/** The frame at `bytes[at]`; undefined when it is not a valid one. Payloads are views into `bytes`. */
export function readFrame(bytes: Uint8Array, at: number, seed: number): Frame | undefined {
  const header = checkFrame(bytes, at, seed);
  const entries = header === undefined ? undefined : decodeEntries(bytes, at, header, bytes, at);
  return header === undefined || entries === undefined ? undefined : { ...header, entries };
}

/**
 * The entries of the frame whose header is at `bytes[at]`, without its payloads, which need not be there: an append's
 * `bytes` are empty, and its `start` counts from the start of the frame. Undefined when they are not valid.
 */
export function readEntries(bytes: Uint8Array, at: number, header: FrameHeader): Entry[] | undefined {
  if (at + FRAME_HEADER_BYTES + header.entriesLength > bytes.length) return undefined;
  return decodeEntries(bytes, at, header, NO_BYTES, 0);
}

/** Appends get their payloads as places in `payloads`, where the frame starts at `frameAt`. */
function decodeEntries(
  bytes: Uint8Array,
  at: number,
  header: FrameHeader,
  payloads: Uint8Array,
  frameAt: number,
): Entry[] | undefined {
  const entriesLength = FRAME_HEADER_BYTES + header.entriesLength;
  const reader = new FieldReader(bytes, at + FRAME_HEADER_BYTES, at + entriesLength);
  const entries: Entry[] = [];
  let payloadAt = frameAt + entriesLength;
  try {
    while (reader.remaining > 0) {
      const entry = readEntry(reader, payloads, payloadAt);
      if (entry.kind === 'appended') payloadAt += entry.length;
      entries.push(entry);
    }
  } catch (error) {
    if (error instanceof FieldError) return undefined;
    throw error;
  }
  return payloadAt === frameAt + header.frameLength ? entries : undefined;
}
