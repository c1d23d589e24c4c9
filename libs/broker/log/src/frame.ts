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
import type { Appended, DeletedTopic, Entry } from './entries';

export const FRAME_HEADER_BYTES = 48;
/** "PJF1" */
export const FRAME_MAGIC = 0x31464a50;
/** Above every frame that is ever written: the largest request with its entries. */
export const FRAME_BODY_BYTES_MAX = 64 * 1024 * 1024;

const HEADER_CRC_AT = 40;
const CRC_AT = 44;

const NO_BYTES = new Uint8Array(0);

const KIND = {
  'topic-created': 1,
  appended: 2,
  produced: 3,
  'positions-set': 4,
  'topics-deleted': 5,
  'group-epoch-set': 6,
  'producer-retired': 7,
  'topic-trimmed': 8,
  'outputs-claimed': 9,
  'group-deleted': 10,
  'group-expired': 11,
  'producers-expired': 12,
} as const;

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

// Grammar of the entries, each after its kind in one byte (text = length u16 · UTF-8):
//   1 topic-created     topicId u32 · incarnation 16 bytes · topic text
//   2 appended          topicId u32 · baseOffset u64 · recordCount u32 · length u32
//   3 produced          producer 16 bytes · epoch u32 · sequence u64 · the fields of `appended`
//   4 positions-set     group text · topicId u32 · count u16 · count × (name text · offset u64 · revision u64 · metadata text)
//   5 topics-deleted    count u32 · count × (topicId u32 · incarnation 16 bytes · topic text)
//   6 group-epoch-set   group text · epoch u32
//   7 producer-retired  producer 16 bytes · epoch u32
//   8 topic-trimmed     topicId u32 · startOffset u64 · bytesRemoved u64 · firstTimestampMs u64
//   9 outputs-claimed   topicId u32 · group text
//  10 group-deleted     group text
//  11 group-expired     group text
//  12 producers-expired count u32 · count × (producer 16 bytes)

function sizeOfAppended({ producer }: Appended): number {
  return 1 + 20 + (producer === undefined ? 0 : 28);
}

function writeAppended(to: FieldWriter, { producer, topicId, baseOffset, recordCount, length }: Appended): void {
  if (producer === undefined) {
    to.u8(KIND.appended);
  } else {
    to.u8(KIND.produced);
    to.id(producer.id);
    to.u32(producer.epoch);
    to.u64(producer.sequence);
  }
  to.u32(topicId);
  to.u64(baseOffset);
  to.u32(recordCount);
  to.u32(length);
}

/** The others; there are few of them. */
type OtherEntry = Exclude<Entry, Appended>;

function sizeOfEntry(entry: OtherEntry): number {
  const text = (value: string): number => 2 + Buffer.byteLength(value);
  switch (entry.kind) {
    case 'topic-created':
      return 1 + 4 + 16 + text(entry.topic);
    case 'positions-set': {
      let size = 1 + text(entry.group) + 4 + 2;
      for (const position of entry.positions) size += text(position.name) + 16 + text(position.metadata);
      return size;
    }
    case 'topics-deleted':
      return entry.topics.reduce((size, { topic }) => size + 20 + text(topic), 1 + 4);
    case 'group-epoch-set':
      return 1 + text(entry.group) + 4;
    case 'producer-retired':
      return 1 + 16 + 4;
    case 'producers-expired':
      return 1 + 4 + 16 * entry.ids.length;
    case 'topic-trimmed':
      return 1 + 4 + 24;
    case 'outputs-claimed':
      return 1 + 4 + text(entry.group);
    case 'group-deleted':
    case 'group-expired':
      return 1 + text(entry.group);
  }
}

function writeEntry(to: FieldWriter, entry: OtherEntry): void {
  switch (entry.kind) {
    case 'topic-created':
      to.u8(KIND['topic-created']);
      to.u32(entry.topicId);
      to.id(entry.incarnation);
      to.str(entry.topic);
      break;
    case 'positions-set':
      to.u8(KIND['positions-set']);
      to.str(entry.group);
      to.u32(entry.topicId);
      to.u16(entry.positions.length);
      for (const position of entry.positions) {
        to.str(position.name);
        to.u64(position.offset);
        to.u64(position.revision);
        to.str(position.metadata);
      }
      break;
    case 'topics-deleted':
      to.u8(KIND['topics-deleted']);
      to.u32(entry.topics.length);
      for (const { topicId, incarnation, topic } of entry.topics) {
        to.u32(topicId);
        to.id(incarnation);
        to.str(topic);
      }
      break;
    case 'group-epoch-set':
      to.u8(KIND['group-epoch-set']);
      to.str(entry.group);
      to.u32(entry.epoch);
      break;
    case 'producer-retired':
      to.u8(KIND['producer-retired']);
      to.id(entry.id);
      to.u32(entry.epoch);
      break;
    case 'producers-expired':
      to.u8(KIND['producers-expired']);
      to.u32(entry.ids.length);
      for (const id of entry.ids) to.id(id);
      break;
    case 'topic-trimmed':
      to.u8(KIND['topic-trimmed']);
      to.u32(entry.topicId);
      to.u64(entry.startOffset);
      to.u64(entry.bytesRemoved);
      to.u64(entry.firstTimestampMs);
      break;
    case 'outputs-claimed':
      to.u8(KIND['outputs-claimed']);
      to.u32(entry.topicId);
      to.str(entry.group);
      break;
    case 'group-deleted':
    case 'group-expired':
      to.u8(KIND[entry.kind]);
      to.str(entry.group);
      break;
  }
}

function readAppended(from: FieldReader, bytes: Uint8Array, start: number, producer: Appended['producer']): Appended {
  return {
    kind: 'appended',
    topicId: from.u32(),
    baseOffset: from.u64(),
    recordCount: from.u32(),
    length: from.u32(),
    bytes,
    start,
    producer,
  };
}

function readEntry(from: FieldReader, bytes: Uint8Array, payloadAt: number): Entry {
  const kind = from.u8();
  switch (kind) {
    case KIND['topic-created']:
      return { kind: 'topic-created', ...readTopic(from) };
    case KIND.appended:
      return readAppended(from, bytes, payloadAt, undefined);
    case KIND.produced: {
      const id = from.id();
      const epoch = from.u32();
      const sequence = from.u64();
      return readAppended(from, bytes, payloadAt, { id, epoch, sequence });
    }
    case KIND['positions-set']: {
      const group = from.str();
      const topicId = from.u32();
      const positions = Array.from({ length: from.u16() }, () => {
        const name = from.str();
        const offset = from.u64();
        const revision = from.u64();
        return { name, offset, revision, metadata: from.str() };
      });
      return { kind: 'positions-set', group, topicId, positions };
    }
    case KIND['topics-deleted']:
      return { kind: 'topics-deleted', topics: Array.from({ length: from.count(1) }, () => readTopic(from)) };
    case KIND['group-epoch-set']: {
      const group = from.str();
      return { kind: 'group-epoch-set', group, epoch: from.u32() };
    }
    case KIND['producer-retired']: {
      const id = from.id();
      return { kind: 'producer-retired', id, epoch: from.u32() };
    }
    case KIND['topic-trimmed']:
      return {
        kind: 'topic-trimmed',
        topicId: from.u32(),
        startOffset: from.u64(),
        bytesRemoved: from.u64(),
        firstTimestampMs: from.u64(),
      };
    case KIND['outputs-claimed']: {
      const topicId = from.u32();
      return { kind: 'outputs-claimed', topicId, group: from.str() };
    }
    case KIND['group-deleted']:
      return { kind: 'group-deleted', group: from.str() };
    case KIND['group-expired']:
      return { kind: 'group-expired', group: from.str() };
    case KIND['producers-expired']:
      return { kind: 'producers-expired', ids: Array.from({ length: from.count(16) }, () => from.id()) };
    default:
      throw new FieldError(`unknown kind of entry ${kind}`);
  }
}

function readTopic(from: FieldReader): DeletedTopic {
  const topicId = from.u32();
  const incarnation = from.id();
  return { topicId, topic: from.str(), incarnation };
}
