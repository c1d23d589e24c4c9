// Runs: the messages of one kind of topics in a range of frames, sorted by topic, in a file that never changes. Messages
// that are gone may be left out: the file is then another one, under the same name.
//
//   run       = header(64) payload pieces directory index
//   header    = magic 8 bytes · version u32 · kind u32 · logId 12 bytes · topics u32 · firstLsn u64 · lastLsn u64
//             · pieces u32 · payloadLength u32 · zero to 60 bytes · crc u32
//   pieces    = pieces × (count u32 · length u32 · crc u32 · timestampMs u64)       in the order of their payload
//   directory = blocks of 64 entries, the last one shorter: entries · crc u32
//   entry     = topicId u32 · pieces u32 · firstPiece u32 · payloadAt u32 · count u32 · length u32 · piecesCrc u32 · payloadCrc u32
//             · baseOffset u64 · firstTimestampMs u64 · lastTimestampMs u64         by topic id
//   index     = topicId u32 of each block's first entry · crc u32
//
// A topic with little in the run has one CRC for all its messages, in its entry. One with more has a CRC for each piece:
// that of its bytes alone, so that of a frame with one row is the sender's. The other CRCs start from the header's, and
// that of a block from its number too, so that blocks of other files or places do not pass.
//
// Guarantees: decoders give undefined for bytes that are not what was encoded, never an exception.

import { crc32 } from 'node:zlib';
import { putU64, takeU64, viewOf } from '@pulses/shared-binary';
import { crcOfSome } from '../disk/small-crc';
import type { RunKey } from '../journal/entries';

export const RUN_HEADER_BYTES = 64;
export const PIECE_BYTES = 20;
const PIECE_WORDS = PIECE_BYTES / 4;
const TWO_32 = 2 ** 32;
export const ENTRY_BYTES = 56;
export const ENTRIES_A_BLOCK = 64;

/** Read as a whole to be checked; a CRC for each small piece would cost more than the piece. */
export const SHARED_CRC_BYTES_MAX = 64 * 1024;
const CRC_BYTES = 4;
const HEADER_CRC_AT = 60;
const MAGIC = new TextEncoder().encode('PULSRUN1');
const VERSION = 1;

export interface RunHeader extends RunKey {
  readonly logId: Uint8Array;
  readonly lastLsn: number;
  readonly topics: number;
  readonly pieces: number;
  readonly payloadLength: number;
}

/** The messages of one topic in a run. */
export interface RunEntry {
  readonly topicId: number;
  readonly pieces: number;
  /** Number of its first piece in the run. */
  readonly firstPiece: number;
  /** Where its first message lies in the file. */
  readonly payloadAt: number;
  readonly count: number;
  readonly length: number;
  readonly piecesCrc: number;
  /** Of all its messages, unless each piece has its own; see `hasPieceCrcs`. */
  readonly payloadCrc: number;
  readonly baseOffset: number;
  readonly firstTimestampMs: number;
  readonly lastTimestampMs: number;
}

/** Whether the pieces of a topic have CRCs of their own. @param length bytes of the topic in the run */
export function hasPieceCrcs(length: number): boolean {
  return length > SHARED_CRC_BYTES_MAX;
}

/** What a topic takes in a run. */
export function bytesOfEntry({ pieces, length }: RunEntry): number {
  return ENTRY_BYTES + pieces * PIECE_BYTES + length;
}

export function runName({ kind, firstLsn }: RunKey): string {
  return `${String(firstLsn).padStart(16, '0')}.${kind}.run`;
}

/** Where the parts of a run lie in its file. */
export interface RunPlaces {
  readonly piecesAt: number;
  readonly directoryAt: number;
  readonly indexAt: number;
  readonly blocks: number;
  readonly length: number;
}

export function placesOf({ topics, pieces, payloadLength }: RunHeader): RunPlaces {
  const blocks = Math.ceil(topics / ENTRIES_A_BLOCK);
  const piecesAt = RUN_HEADER_BYTES + payloadLength;
  const directoryAt = piecesAt + pieces * PIECE_BYTES;
  const indexAt = directoryAt + topics * ENTRY_BYTES + blocks * CRC_BYTES;
  return { piecesAt, directoryAt, indexAt, blocks, length: indexAt + blocks * 4 + CRC_BYTES };
}

/** Place and entries of a block of the directory. */
export function blockOf(header: RunHeader, block: number): { at: number; entries: number; length: number } {
  const entries = Math.min(ENTRIES_A_BLOCK, header.topics - block * ENTRIES_A_BLOCK);
  const at = placesOf(header).directoryAt + block * (ENTRIES_A_BLOCK * ENTRY_BYTES + CRC_BYTES);
  return { at, entries, length: entries * ENTRY_BYTES + CRC_BYTES };
}

export function encodeRunHeader(header: RunHeader): { bytes: Buffer; crc: number } {
  const bytes = Buffer.alloc(RUN_HEADER_BYTES);
  const view = viewOf(bytes);
  bytes.set(MAGIC, 0);
  view.setUint32(8, VERSION, true);
  view.setUint32(12, header.kind, true);
  bytes.set(header.logId, 16);
  view.setUint32(28, header.topics, true);
  putU64(view, 32, header.firstLsn);
  putU64(view, 40, header.lastLsn);
  view.setUint32(48, header.pieces, true);
  view.setUint32(52, header.payloadLength, true);
  const crc = crc32(bytes.subarray(0, HEADER_CRC_AT));
  view.setUint32(HEADER_CRC_AT, crc, true);
  return { bytes, crc };
}

/** Undefined when the bytes are not a whole valid header. */
export function decodeRunHeader(bytes: Uint8Array): { header: RunHeader; crc: number } | undefined {
  if (bytes.length < RUN_HEADER_BYTES || !MAGIC.every((byte, index) => bytes[index] === byte)) return undefined;
  const view = viewOf(bytes);
  const crc = crc32(bytes.subarray(0, HEADER_CRC_AT));
  if (view.getUint32(HEADER_CRC_AT, true) !== crc || view.getUint32(8, true) !== VERSION) return undefined;
  const header = {
    kind: view.getUint32(12, true),
    logId: bytes.slice(16, 28),
    topics: view.getUint32(28, true),
    firstLsn: takeU64(view, 32),
    lastLsn: takeU64(view, 40),
    pieces: view.getUint32(48, true),
    payloadLength: view.getUint32(52, true),
  };
  return { header, crc };
}

/** Makes the pieces of a run, one after the other. */
export class PieceTable {
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;
  #end = 0;

  constructor(pieces: number) {
    this.#words = new Uint32Array(pieces * PIECE_WORDS);
    this.bytes = new Uint8Array(this.#words.buffer);
  }

  add(count: number, length: number, crc: number, timestampMs: number): void {
    const words = this.#words;
    const at = this.#end;
    words[at] = count;
    words[at + 1] = length;
    words[at + 2] = crc;
    putWords(words, at + 3, timestampMs);
    this.#end = at + PIECE_WORDS;
  }

  timestampOf(piece: number): number {
    const at = piece * PIECE_WORDS;
    return this.#words[at + 4]! * TWO_32 + this.#words[at + 3]!; // one of those added
  }

  /** CRC of the pieces from one on. */
  crcFrom(piece: number, headerCrc: number): number {
    return crcOfSome(this.bytes, piece * PIECE_BYTES, this.#end * 4, headerCrc);
  }
}

/** CRC of a topic's pieces. */
export function piecesCrcOf(bytes: Uint8Array, headerCrc: number): number {
  return crc32(bytes, headerCrc);
}

/** Makes the directory and its index, an entry at a time. */
export class DirectoryWriter {
  readonly #bytes: Buffer;
  readonly #words: Uint32Array;
  readonly #headerCrc: number;
  readonly #firstIds: number[] = [];
  #at = 0;
  #blockAt = 0;

  /** @param topics as many as there will be entries */
  constructor(topics: number, headerCrc: number) {
    const blocks = Math.ceil(topics / ENTRIES_A_BLOCK);
    this.#bytes = Buffer.alloc(topics * ENTRY_BYTES + blocks * (CRC_BYTES + 4) + CRC_BYTES);
    this.#words = new Uint32Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length / 4);
    this.#headerCrc = headerCrc;
  }

  add(entry: RunEntry): void {
    if (this.#at === this.#blockAt) this.#firstIds.push(entry.topicId);
    putEntry(this.#words, this.#at / 4, entry);
    this.#at += ENTRY_BYTES;
    if (this.#at - this.#blockAt === ENTRIES_A_BLOCK * ENTRY_BYTES) this.#endBlock();
  }

  /** All of it, front to back. */
  end(): Buffer {
    if (this.#at > this.#blockAt) this.#endBlock();
    const indexAt = this.#at;
    for (const id of this.#firstIds) this.#put(id);
    this.#put(crc32(this.#bytes.subarray(indexAt, this.#at), this.#headerCrc));
    return this.#bytes;
  }

  #endBlock(): void {
    const seed = blockSeed(this.#headerCrc, this.#firstIds.length - 1);
    this.#put(crc32(this.#bytes.subarray(this.#blockAt, this.#at), seed));
    this.#blockAt = this.#at;
  }

  #put(value: number): void {
    this.#words[this.#at / 4] = value;
    this.#at += 4;
  }
}

function putEntry(words: Uint32Array, at: number, entry: RunEntry): void {
  words[at] = entry.topicId;
  words[at + 1] = entry.pieces;
  words[at + 2] = entry.firstPiece;
  words[at + 3] = entry.payloadAt;
  words[at + 4] = entry.count;
  words[at + 5] = entry.length;
  words[at + 6] = entry.piecesCrc;
  words[at + 7] = entry.payloadCrc;
  putWords(words, at + 8, entry.baseOffset);
  putWords(words, at + 10, entry.firstTimestampMs);
  putWords(words, at + 12, entry.lastTimestampMs);
}

function putWords(words: Uint32Array, at: number, value: number): void {
  // Each keeps its own 32 bits.
  words[at] = value;
  words[at + 1] = value / TWO_32;
}

/** The index of a run: the first topic id of each block; undefined when the bytes are not valid. */
export function decodeIndex(bytes: Uint8Array, headerCrc: number): Uint32Array | undefined {
  const end = bytes.length - CRC_BYTES;
  const view = viewOf(bytes);
  if (end < 0 || view.getUint32(end, true) !== crc32(bytes.subarray(0, end), headerCrc)) return undefined;
  return Uint32Array.from({ length: end / 4 }, (_, block) => view.getUint32(block * 4, true));
}

/** The bytes of a block as entries; undefined when they are not valid. */
export function decodeBlock(bytes: Uint8Array, block: number, headerCrc: number): RunEntry[] | undefined {
  const end = bytes.length - CRC_BYTES;
  const view = viewOf(bytes);
  if (end < 0 || view.getUint32(end, true) !== crc32(bytes.subarray(0, end), blockSeed(headerCrc, block))) {
    return undefined;
  }
  return uncheckedEntries(bytes);
}

/** The same without a check: entries of a damaged block are worth what their own CRCs prove. */
export function uncheckedEntries(block: Uint8Array): RunEntry[] {
  const view = viewOf(block);
  const count = Math.max(0, Math.floor((block.length - CRC_BYTES) / ENTRY_BYTES));
  return Array.from({ length: count }, (_, index) => takeEntry(view, index * ENTRY_BYTES));
}

function takeEntry(view: DataView, at: number): RunEntry {
  return {
    topicId: view.getUint32(at, true),
    pieces: view.getUint32(at + 4, true),
    firstPiece: view.getUint32(at + 8, true),
    payloadAt: view.getUint32(at + 12, true),
    count: view.getUint32(at + 16, true),
    length: view.getUint32(at + 20, true),
    piecesCrc: view.getUint32(at + 24, true),
    payloadCrc: view.getUint32(at + 28, true),
    baseOffset: takeU64(view, at + 32),
    firstTimestampMs: takeU64(view, at + 40),
    lastTimestampMs: takeU64(view, at + 48),
  };
}

/** What the CRC of a block starts from. */
export function blockSeed(headerCrc: number, block: number): number {
  return (headerCrc ^ (block + 1)) >>> 0;
}
