// Reads a run entry by entry, and continues behind damage.
//
// A block of the directory that is not valid costs little: one wrong byte is put right, and of larger damage those entries
// are left that their own CRCs prove.
//
// Guarantees: a part is given only when its bytes are proven by a CRC. Bounds: three windows of the file, the pieces of one
// entry.

import {
  blockOf,
  blockSeed,
  createWindowReader,
  decodeBlock,
  decodeIndex,
  hasPieceCrcs,
  PIECE_BYTES,
  piecesCrcOf,
  placesOf,
  systemCode,
  uncheckedEntries,
  type Run,
  type RunEntry,
  type WindowReader,
} from '@pulses/broker-segment-log';
import { takeU64, viewOf } from '@pulses/shared-binary';
import type { FileHandle, FileSystem } from '@pulses/shared-ports';
import { crc32 } from 'node:zlib';
import { mended } from '../journal/mend-byte';
import type { Finding, FindingList } from '../report';
import { headerOf, type KnownHeader } from './run-header';

const BLOCK_CRC_BYTES = 4;

/** Messages of one topic and time that lie together. */
export interface RunPart {
  readonly baseOffset: number;
  readonly count: number;
  /** Where they start in the file. */
  readonly position: number;
  readonly length: number;
  readonly timestampMs: number;
}

export interface WalkedEntry {
  readonly topicId: number;
  readonly baseOffset: number;
  readonly count: number;
  readonly length: number;
  /** What is sound of it, in order. */
  readonly parts: readonly RunPart[];
  /** False when no CRC proves topic and offset: it counts only where it fits exactly. */
  readonly isProven: boolean;
  /** The first damage of it. */
  readonly finding: Finding | undefined;
}

export interface RunWalkOptions {
  readonly fileSystem: FileSystem;
  readonly path: string;
  readonly run: Run;
  readonly logId: Uint8Array | undefined;
  readonly list: FindingList;
  readonly visit: (entry: WalkedEntry) => void;
  /** Called for each sound part, which has that many after it in the entry, with itself. The bytes are valid until it returns. */
  readonly onPart?: ((topicId: number, fromEnd: number, part: RunPart, bytes: Uint8Array) => void) | undefined;
  readonly onBytes: (count: number) => void;
}

export interface RunWalk {
  /** Damage of this run. */
  readonly findings: readonly Finding[];
  readonly blocks: number;
}

/** @throws the port's error */
export async function walkRun(options: RunWalkOptions): Promise<RunWalk> {
  const findings: Finding[] = [];
  const damage: Damage = (byteOffset, what) => {
    const finding = options.list.add('damage', options.path, byteOffset, what);
    findings.push(finding);
    return finding;
  };
  let file: FileHandle;
  try {
    file = await options.fileSystem.open(options.path, 'read');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    damage(0, 'the file is missing');
    return { findings, blocks: 0 };
  }
  try {
    const size = await file.size();
    options.onBytes(size);
    const known = await headerOf(file, options.run, options.logId);
    if (known?.isStored !== true) damage(0, 'the header of the run is not valid');
    if (known === undefined) return { findings, blocks: 0 };
    const { length, blocks } = placesOf(known.header);
    if (size < length) damage(size, 'the run ends early');
    if (size > length) damage(length, 'bytes follow the end of the run');
    await new RunWalker(options, file, known, damage).walk();
    return { findings, blocks };
  } finally {
    await file.close();
  }
}

type Damage = (byteOffset: number, what: string) => Finding;

/** Rows of the table of pieces. */
interface PieceRow {
  readonly count: number;
  readonly length: number;
  readonly crc: number;
  readonly timestampMs: number;
}

class RunWalker {
  readonly #options: RunWalkOptions;
  readonly #known: KnownHeader;
  readonly #damage: Damage;
  /** The first of the entry being read. */
  #finding: Finding | undefined;
  readonly #directory: WindowReader;
  readonly #pieces: WindowReader;
  readonly #payload: WindowReader;

  constructor(options: RunWalkOptions, file: FileHandle, known: KnownHeader, damage: Damage) {
    this.#options = options;
    this.#known = known;
    this.#damage = damage;
    const { length } = placesOf(known.header);
    [this.#directory, this.#pieces, this.#payload] = [1, 2, 3].map(() =>
      createWindowReader(file, length, { isReused: true }),
    ) as [WindowReader, WindowReader, WindowReader];
  }

  async walk(): Promise<void> {
    const { header, crc } = this.#known;
    const { indexAt, length, blocks } = placesOf(header);
    const index = decodeIndex(await this.#bytes(this.#directory, indexAt, length - indexAt), crc);
    if (index === undefined) this.#damage(indexAt, 'the index of the run is not valid');
    let lastId = -1;
    for (let block = 0; block < blocks; block += 1) {
      const { entries, isProven } = await this.#block(block);
      for (const entry of entries) {
        // Ids rise: another one is damage that no CRC shows.
        if (entry.topicId <= lastId || (!isProven && !(await this.#provesItself(entry)))) continue;
        lastId = entry.topicId;
        await this.#entry(entry, isProven);
      }
    }
  }

  async #block(block: number): Promise<{ entries: readonly RunEntry[]; isProven: boolean }> {
    const { header, crc } = this.#known;
    const { at, length } = blockOf(header, block);
    const bytes = await this.#bytes(this.#directory, at, length);
    const entries = decodeBlock(bytes, block, crc);
    if (entries !== undefined) return { entries, isProven: true };
    this.#damage(at, `block ${block} of the directory is not valid`);
    if (bytes.length < length) return { entries: uncheckedEntries(bytes), isProven: false };
    const end = bytes.length - BLOCK_CRC_BYTES;
    const right = mended(bytes.subarray(0, end), viewOf(bytes).getUint32(end, true), blockSeed(crc, block));
    const isRight = right !== undefined && (await this.#areAll(uncheckedEntries(withCrc(right))));
    if (isRight) return { entries: uncheckedEntries(withCrc(right)), isProven: true };
    return { entries: uncheckedEntries(bytes), isProven: false };
  }

  /** Whether entries that were put right follow on each other, and have the pieces that they say. */
  async #areAll(entries: readonly RunEntry[]): Promise<boolean> {
    let before: RunEntry | undefined;
    for (const entry of entries) {
      if (before !== undefined) {
        const isNext =
          entry.topicId > before.topicId &&
          entry.firstPiece === before.firstPiece + before.pieces &&
          entry.payloadAt === before.payloadAt + before.length;
        if (!isNext) return false;
      }
      const rows = await this.#rowBytes(entry);
      if (rows === undefined || piecesCrcOf(rows, this.#known.crc) !== entry.piecesCrc) return false;
      before = entry;
    }
    return true;
  }

  async #provesItself(entry: RunEntry): Promise<boolean> {
    const bytes = await this.#rowBytes(entry);
    if (bytes === undefined || piecesCrcOf(bytes, this.#known.crc) !== entry.piecesCrc) return false;
    return fits(rowsOf(bytes), entry);
  }

  async #rowBytes({ firstPiece, pieces }: RunEntry): Promise<Uint8Array | undefined> {
    if (firstPiece + pieces > this.#known.header.pieces) return undefined;
    const { piecesAt } = placesOf(this.#known.header);
    const bytes = await this.#bytes(this.#pieces, piecesAt + firstPiece * PIECE_BYTES, pieces * PIECE_BYTES);
    return bytes.length === pieces * PIECE_BYTES ? bytes : undefined;
  }

  async #entry(entry: RunEntry, isProven: boolean): Promise<void> {
    const { topicId, baseOffset, count, length } = entry;
    this.#finding = undefined;
    const rows = await this.#rows(entry);
    const parts = hasPieceCrcs(length) ? await this.#bigParts(entry, rows) : await this.#smallParts(entry, rows);
    this.#options.visit({ topicId, baseOffset, count, length, parts, isProven, finding: this.#finding });
  }

  #damageOf(byteOffset: number, what: string): void {
    const finding = this.#damage(byteOffset, what);
    this.#finding ??= finding;
  }

  /** Pieces of the entry; undefined when nothing proves them. */
  async #rows(entry: RunEntry): Promise<PieceRow[] | undefined> {
    const { piecesAt } = placesOf(this.#known.header);
    const bytes = await this.#rowBytes(entry);
    if (bytes !== undefined && piecesCrcOf(bytes, this.#known.crc) === entry.piecesCrc) {
      const rows = rowsOf(bytes);
      if (fits(rows, entry)) return rows;
    }
    this.#damageOf(piecesAt + entry.firstPiece * PIECE_BYTES, `the pieces of topic ${entry.topicId} are not valid`);
    const right = bytes === undefined ? undefined : mended(bytes, entry.piecesCrc, this.#known.crc);
    if (right !== undefined && fits(rowsOf(right), entry)) return rowsOf(right);
    return undefined;
  }

  /** One CRC is over all messages. */
  async #smallParts(entry: RunEntry, rows: readonly PieceRow[] | undefined): Promise<RunPart[]> {
    const { payloadAt, length, topicId } = entry;
    const bytes = await this.#bytes(this.#payload, payloadAt, length);
    if (bytes.length < length || crc32(bytes) !== entry.payloadCrc) {
      this.#damageOf(payloadAt, `the messages of topic ${topicId} are not valid`);
      return [];
    }
    if (rows !== undefined) {
      const parts = partsOf(entry, rows);
      for (const [index, part] of parts.entries()) {
        const start = part.position - payloadAt;
        this.#options.onPart?.(topicId, parts.length - index, part, bytes.subarray(start, start + part.length));
      }
      return parts;
    }
    // Which of the times a message has is not known, unless there is but one.
    if (entry.firstTimestampMs !== entry.lastTimestampMs) return [];
    return partsOf(entry, [{ count: entry.count, length, crc: 0, timestampMs: entry.firstTimestampMs }]);
  }

  /** Each piece has a CRC. */
  async #bigParts(entry: RunEntry, rows: readonly PieceRow[] | undefined): Promise<RunPart[]> {
    if (rows === undefined) return [];
    const sound: RunPart[] = [];
    for (const [index, part] of partsOf(entry, rows).entries()) {
      const bytes = await this.#bytes(this.#payload, part.position, part.length);
      if (bytes.length === part.length && crc32(bytes) === rows[index]?.crc) {
        sound.push(part);
        this.#options.onPart?.(entry.topicId, rows.length - index, part, bytes);
      } else this.#damageOf(part.position, `the messages of piece ${entry.firstPiece + index} are not valid`);
    }
    return sound;
  }

  /** Fewer at the end of the file. They are valid until the next call. */
  async #bytes(reader: WindowReader, position: number, length: number): Promise<Uint8Array> {
    const { bytes, at } = await reader.view(position, length);
    return bytes.subarray(Math.max(0, at), Math.max(0, at + length));
  }
}

function withCrc(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, new Uint8Array(BLOCK_CRC_BYTES)]);
}

function rowsOf(bytes: Uint8Array): PieceRow[] {
  const view = viewOf(bytes);
  return Array.from({ length: bytes.length / PIECE_BYTES }, (_, index) => ({
    count: view.getUint32(index * PIECE_BYTES, true),
    length: view.getUint32(index * PIECE_BYTES + 4, true),
    crc: view.getUint32(index * PIECE_BYTES + 8, true),
    timestampMs: takeU64(view, index * PIECE_BYTES + 12),
  }));
}

/** Whether the pieces add up to the entry, and their times rise. */
function fits(rows: readonly PieceRow[], { count, length, firstTimestampMs, lastTimestampMs }: RunEntry): boolean {
  let [countLeft, lengthLeft, before] = [count, length, firstTimestampMs];
  for (const row of rows) {
    if (!(row.timestampMs >= before)) return false;
    countLeft -= row.count;
    lengthLeft -= row.length;
    before = row.timestampMs;
  }
  return countLeft === 0 && lengthLeft === 0 && before === lastTimestampMs;
}

function partsOf({ baseOffset, payloadAt }: RunEntry, rows: readonly PieceRow[]): RunPart[] {
  let [offset, position] = [baseOffset, payloadAt];
  return rows.map(({ count, length, timestampMs }) => {
    const part = { baseOffset: offset, count, position, length, timestampMs };
    offset += count;
    position += length;
    return part;
  });
}
