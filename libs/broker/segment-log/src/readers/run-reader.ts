// Reads messages from runs.
//
// Guarantees: every block of a directory, list of pieces and piece is checked against its CRC before anything of it is
// used: what comes back is what was written, or JOURNAL_CORRUPT with file and byte. Bounds: a few thousand blocks, a few
// lists of pieces and two long pieces stay in memory.

import { crc32 } from 'node:zlib';
import type { RecordBatch } from '@pulses/broker-wire';
import { takeU64, viewOf } from '@pulses/shared-binary';
import type { FileHandle } from '@pulses/shared-ports';
import type { Run } from '../commit/log-state';
import type { Directories } from '../disk/data-directory';
import { corrupt, isMissing } from '../disk/disk-errors';
import { readUpTo } from '../disk/full-io';
import { crcOfSome } from '../disk/small-crc';
import {
  blockOf,
  decodeBlock,
  decodeIndex,
  decodeRunHeader,
  ENTRIES_A_BLOCK,
  hasPieceCrcs,
  PIECE_BYTES,
  piecesCrcOf,
  placesOf,
  RUN_HEADER_BYTES,
  runName,
  type RunEntry,
  type RunHeader,
} from '../segments/run-format';
import type { HandleCache } from './handle-cache';
import { KeptNewest } from './kept-newest';
import { batchFrom, createGathering } from './record-cut';
import { lastUpTo, rangeOf, type PieceList } from './run-search';

const RUNS_KEPT = 1_024;
const BLOCKS_KEPT = 1_024;
const LISTS_KEPT = 8;
const LONG_PIECES_KEPT = 2;

interface OpenRun {
  /** Of the file, among all that have had its name. */
  readonly key: string;
  readonly path: string;
  readonly header: RunHeader;
  readonly headerCrc: number;
  /** First topic id of each block. */
  readonly index: Uint32Array;
}

/** A place in a run: a topic, and an offset of it. */
export interface RunPlace {
  readonly topicId: number;
  readonly offset: number;
}

/** An entry to read, from an offset of it on. */
interface GatheredEntry {
  readonly entry: RunEntry;
  readonly offset: number;
}

export class RunReader {
  readonly #directories: Directories;
  readonly #handles: HandleCache;
  /** A run that is written again has another header; what a handle reads is that of its own file. */
  readonly #headers = new WeakMap<FileHandle, { header: RunHeader; crc: number }>();
  readonly #runs = new KeptNewest<OpenRun>(RUNS_KEPT);
  readonly #blocks = new KeptNewest<RunEntry[]>(BLOCKS_KEPT);
  readonly #lists = new KeptNewest<PieceList>(LISTS_KEPT);
  /** Pieces that take several reads, checked. */
  readonly #longPieces = new KeptNewest<Uint8Array>(LONG_PIECES_KEPT);

  constructor(directories: Directories, handles: HandleCache) {
    this.#directories = directories;
    this.#handles = handles;
  }

  pathOf(run: Pick<Run, 'kind' | 'firstLsn'>): string {
    return `${this.#directories.runs}/${runName(run)}`;
  }

  /** The topic's part of the run; undefined when it has none. @throws PulsesError JOURNAL_CORRUPT; the port's error */
  async entryOf(run: Run, topicId: number): Promise<RunEntry | undefined> {
    return await this.#use(run, async (handle) => this.#entry(await this.#open(run, handle), handle, topicId));
  }

  /** @throws PulsesError JOURNAL_CORRUPT; the port's error */
  async headerOf(run: Run): Promise<RunHeader> {
    return await this.#use(run, async (handle) => (await this.#header(run, handle)).header);
  }

  /** The entries of those topics that the run has, in order. @param topicIds rising @throws those of `eachEntry` */
  async entriesOf(run: Run, topicIds: readonly number[], visit: (entry: RunEntry) => void): Promise<void> {
    await this.#use(run, async (handle) => {
      const open = await this.#open(run, handle);
      let at = 0;
      const next = (from: number): number => {
        while (at < topicIds.length && topicIds[at]! < from) at += 1; // in range
        return topicIds[at] ?? Infinity;
      };
      for (const [block, firstId] of open.index.entries()) {
        if (next(firstId) >= (open.index[block + 1] ?? Infinity)) continue;
        for (const entry of await this.#readBlock(open, handle, block)) {
          if (next(entry.topicId) === entry.topicId) visit(entry);
        }
      }
    });
  }

  /** The entries of the run, in order, until `visit` answers false. @throws PulsesError JOURNAL_CORRUPT; the port's error */
  async eachEntry(run: Run, visit: (entry: RunEntry) => boolean): Promise<void> {
    await this.#use(run, async (handle) => {
      const open = await this.#open(run, handle);
      for (let block = 0; block < open.index.length; block += 1) {
        for (const entry of await this.#readBlock(open, handle, block)) if (!visit(entry)) return;
      }
    });
  }

  /**
   * Messages of the topic from `fromOffset` on; undefined when the run does not hold that one.
   * @throws PulsesError JOURNAL_CORRUPT; the port's error
   */
  async read(run: Run, topicId: number, fromOffset: number, bytesMax: number): Promise<RecordBatch[] | undefined> {
    return await this.#use(run, async (handle) => {
      const open = await this.#open(run, handle);
      const entry = await this.#entry(open, handle, topicId);
      if (entry === undefined || fromOffset < entry.baseOffset || fromOffset >= entry.baseOffset + entry.count)
        return undefined;
      const list = await this.#pieces(open, handle, entry);
      const first = lastUpTo(list.baseOffsets, fromOffset);
      const range = rangeOf(entry, list, first, bytesMax);
      const start = list.places[range.from]!; // pieces of the list
      const bytes = await this.#checked(open, handle, entry, list, range, bytesMax);
      const view = viewOf(list.bytes);
      const gathering = createGathering(bytesMax);
      for (let piece = first; piece < range.end; piece += 1) {
        const at = list.places[piece]! - start;
        const row = piece * PIECE_BYTES;
        const length = view.getUint32(row + 4, true);
        const baseOffset = list.baseOffsets[piece]!; // below the count
        const recordCount = view.getUint32(row, true);
        const crc = hasPieceCrcs(entry.length) ? view.getUint32(row + 8, true) : undefined;
        const stored = { baseOffset, recordCount, timestampMs: takeU64(view, row + 12), bytes, start: at, length, crc };
        if (!gathering.add(batchFrom(stored, Math.max(fromOffset, baseOffset)))) break;
      }
      return gathering.batches;
    });
  }

  /**
   * Messages of topics in the order of the file, from a place in it on: at most `bytesMax`, or one that is longer.
   * @param from the topic with the lowest id that may come, and its first offset
   * @param keptFrom first offset of a topic that is still kept; Infinity when the topic is gone
   * @param add gets each topic's messages, in order
   * @returns where the rest begins; undefined at the end of the file
   * @throws PulsesError JOURNAL_CORRUPT; the port's error
   */
  async stretch(
    run: Run,
    from: RunPlace,
    bytesMax: number,
    keptFrom: (topicId: number) => number,
    add: (topicId: number, messages: Omit<RecordBatch, 'timestampMs'>) => void,
  ): Promise<RunPlace | undefined> {
    return await this.#use(run, async (handle) => {
      const open = await this.#open(run, handle);
      const gathered: GatheredEntry[] = [];
      let room = bytesMax;
      const end = async (next: RunPlace | undefined): Promise<RunPlace | undefined> => {
        await this.#addGathered(open, handle, gathered, add);
        return next;
      };
      for (let block = lastUpTo(open.index, from.topicId); block < open.index.length; block += 1) {
        for (const entry of await this.#block(open, handle, block)) {
          const { topicId, baseOffset, count, length } = entry;
          if (topicId < from.topicId) continue;
          let offset = Math.max(baseOffset, keptFrom(topicId), topicId === from.topicId ? from.offset : 0);
          if (offset >= baseOffset + count) continue;
          if (!hasPieceCrcs(length) && length <= bytesMax) {
            if (length > room) return await end({ topicId, offset });
            gathered.push({ entry, offset });
            room -= length;
            continue;
          }
          await this.#addGathered(open, handle, gathered.splice(0), add);
          while (offset < baseOffset + count) {
            if (room <= 0) return { topicId, offset };
            const batches = await this.read(run, topicId, offset, room);
            // Written again meanwhile, without these.
            if (batches === undefined) break;
            for (const batch of batches) {
              // One that is too long for the room comes alone.
              if (batch.payload.length > room && room < bytesMax) return { topicId, offset };
              add(topicId, batch);
              room -= batch.payload.length;
              offset = batch.baseOffset + batch.recordCount;
            }
          }
        }
      }
      return await end(undefined);
    });
  }

  /** Entries that have one CRC each. Those that lie side by side are read at once. */
  async #addGathered(
    { path }: OpenRun,
    handle: FileHandle,
    gathered: readonly GatheredEntry[],
    add: (topicId: number, messages: Omit<RecordBatch, 'timestampMs'>) => void,
  ): Promise<void> {
    for (let first = 0, end = 0; first < gathered.length; first = end) {
      const start = gathered[first]!.entry.payloadAt; // below the length
      let length = 0;
      for (end = first; end < gathered.length && gathered[end]!.entry.payloadAt === start + length; end += 1)
        length += gathered[end]!.entry.length; // below the length
      const bytes = await this.#bytes(path, handle, start, length);
      for (const { entry, offset } of gathered.slice(first, end)) {
        const { topicId, baseOffset, count: recordCount, payloadAt, payloadCrc: crc } = entry;
        const at = payloadAt - start;
        if (crcOfSome(bytes, at, at + entry.length) !== crc)
          throw this.#corrupt(path, payloadAt, `the messages of topic ${topicId} are not valid`);
        const stored = { baseOffset, recordCount, timestampMs: 0, bytes, start: at, length: entry.length, crc };
        add(topicId, batchFrom(stored, offset));
      }
    }
  }

  /** The bytes of pieces of the entry. */
  async #checked(
    open: OpenRun,
    handle: FileHandle,
    entry: RunEntry,
    { places, bytes: table }: PieceList,
    { from, end }: { readonly from: number; readonly end: number },
    bytesMax: number,
  ): Promise<Uint8Array> {
    const start = places[from]!; // pieces of the list
    const length = places[end]! - start;
    const isLong = end === from + 1 && length > bytesMax;
    const key = `${open.key}/${start}`;
    const known = isLong ? this.#longPieces.get(key) : undefined;
    if (known !== undefined) return known;
    const bytes = await this.#bytes(open.path, handle, start, length);
    if (!hasPieceCrcs(entry.length)) {
      if (crc32(bytes) === entry.payloadCrc) return bytes;
      throw this.#corrupt(open.path, start, `the messages of topic ${entry.topicId} are not valid`);
    }
    const view = viewOf(table);
    for (let piece = from; piece < end; piece += 1) {
      const at = places[piece]! - start;
      if (crc32(bytes.subarray(at, places[piece + 1]! - start)) === view.getUint32(piece * PIECE_BYTES + 8, true))
        continue;
      throw this.#corrupt(open.path, start + at, `the messages of piece ${entry.firstPiece + piece} are not valid`);
    }
    if (isLong) this.#longPieces.set(key, bytes);
    return bytes;
  }

  /** The file is gone, or another one has its name. */
  forget(run: Pick<Run, 'kind' | 'firstLsn'>): void {
    this.#handles.drop(this.pathOf(run));
  }

  async #use<T>(run: Run, work: (handle: FileHandle) => Promise<T>): Promise<T> {
    const path = this.pathOf(run);
    try {
      return await this.#handles.use(path, work);
    } catch (error) {
      if (isMissing(error)) throw this.#corrupt(path, 0, 'the file is missing');
      throw error;
    }
  }

  async #header(run: Run, handle: FileHandle): Promise<{ header: RunHeader; crc: number }> {
    const known = this.#headers.get(handle);
    if (known !== undefined) return known;
    const path = this.pathOf(run);
    const decoded = decodeRunHeader(await this.#bytes(path, handle, 0, RUN_HEADER_BYTES));
    const header = decoded?.header;
    if (decoded === undefined || header?.kind !== run.kind || header.firstLsn !== run.firstLsn) {
      throw this.#corrupt(path, 0, 'the header of the run is not valid');
    }
    this.#headers.set(handle, decoded);
    return decoded;
  }

  async #open(run: Run, handle: FileHandle): Promise<OpenRun> {
    const { header, crc } = await this.#header(run, handle);
    const key = `${runName(run)}/${crc}`;
    const known = this.#runs.get(key);
    if (known !== undefined) return known;
    const path = this.pathOf(run);
    const { indexAt, length } = placesOf(header);
    const index = decodeIndex(await this.#bytes(path, handle, indexAt, length - indexAt), crc);
    if (index === undefined) throw this.#corrupt(path, indexAt, 'the index of the run is not valid');
    const open = { key, path, header, headerCrc: crc, index };
    this.#runs.set(key, open);
    return open;
  }

  async #entry(open: OpenRun, handle: FileHandle, topicId: number): Promise<RunEntry | undefined> {
    if (open.index.length === 0) return undefined;
    const entries = await this.#block(open, handle, lastUpTo(open.index, topicId));
    return entries.find((entry) => entry.topicId === topicId);
  }

  async #block(open: OpenRun, handle: FileHandle, block: number): Promise<RunEntry[]> {
    const key = `${open.key}/${block}`;
    const known = this.#blocks.get(key);
    if (known !== undefined) return known;
    const entries = await this.#readBlock(open, handle, block);
    this.#blocks.set(key, entries);
    return entries;
  }

  async #readBlock(open: OpenRun, handle: FileHandle, block: number): Promise<RunEntry[]> {
    const { at, length } = blockOf(open.header, block);
    const entries = decodeBlock(await this.#bytes(open.path, handle, at, length), block, open.headerCrc);
    if (entries !== undefined) return entries;
    throw this.#corrupt(open.path, at, `entries ${block * ENTRIES_A_BLOCK} and on of the directory are not valid`);
  }

  async #pieces(open: OpenRun, handle: FileHandle, entry: RunEntry): Promise<PieceList> {
    const key = `${open.key}/${entry.topicId}`;
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const at = placesOf(open.header).piecesAt + entry.firstPiece * PIECE_BYTES;
    const bytes = await this.#bytes(open.path, handle, at, entry.pieces * PIECE_BYTES);
    if (piecesCrcOf(bytes, open.headerCrc) !== entry.piecesCrc) {
      throw this.#corrupt(open.path, at, `the pieces of topic ${entry.topicId} are not valid`);
    }
    const view = viewOf(bytes);
    const baseOffsets = new Float64Array(entry.pieces + 1);
    const places = new Float64Array(entry.pieces + 1);
    baseOffsets[0] = entry.baseOffset;
    places[0] = entry.payloadAt;
    for (let piece = 0; piece < entry.pieces; piece += 1) {
      baseOffsets[piece + 1] = baseOffsets[piece]! + view.getUint32(piece * PIECE_BYTES, true); // below the count
      places[piece + 1] = places[piece]! + view.getUint32(piece * PIECE_BYTES + 4, true);
    }
    const list = { baseOffsets, places, bytes };
    this.#lists.set(key, list);
    return list;
  }

  async #bytes(path: string, handle: FileHandle, at: number, length: number): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafeSlow(length);
    const count = await readUpTo(handle, bytes, at);
    if (count < length) throw this.#corrupt(path, at + count, 'the run ends early');
    return bytes;
  }

  #corrupt(path: string, at: number, what: string): Error {
    return corrupt(this.#directories.data, path, at, what);
  }
}
