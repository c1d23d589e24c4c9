// The files of one topic: segments of readable lines, each with an index beside it.
//
// Guarantees: a segment's state moves only after its lines were written, so a failed write leaves the state where it was
// and the next one goes to the same place; what lies in the files beyond the state is never read, and is cut off before
// the first write after a start. Nothing here is durable before `syncFiles`: until then the journal is. Does not survive: a
// write that the system gives up later, when it has also forgotten the file meanwhile; `syncFiles` is not told of it then.
// One writer for each topic. The newest entries of an index wait in memory and are written some at a time, `syncFiles` at
// the latest: with many topics a write costs more than its bytes. Bounds: `entriesHeldMax` and one write's of each segment.

import { crc32 } from 'node:zlib';
import { failpoint } from '@pulses/shared-failpoints';
import type { FileSystem, FileWriter } from '@pulses/shared-ports';
import type { HandleCache } from './handle-cache';
import { countLines, type StoredBatch } from './record-cut';
import { corrupt, isMissing, storageFailed, systemCode } from './storage-errors';
import { encodeBlocks, encodeIndexHeader, indexPosition, type Block } from './topic-index';
import { parseTopicFileName, topicDirectoryName, topicFileName, type TopicFileKind } from './topic-names';

/** How far a segment reaches. */
export interface SegmentMark {
  readonly nextOffset: number;
  readonly length: number;
  readonly entries: number;
  readonly lastTimestampMs: number;
}

export interface SegmentState {
  readonly baseOffset: number;
  readonly firstTimestampMs: number;
  written: SegmentMark;
  /** What is known to be durable; undefined before the first sync. */
  synced: SegmentMark | undefined;
  /** Entries in the index file; the others up to `written.entries` are held. */
  indexed: number;
  /** Blocks whose entries are not in the index file yet, in order. */
  readonly held: Block[];
}

export interface TopicFiles {
  readonly topicId: number;
  readonly topic: string;
  readonly incarnation: string;
  readonly directory: string;
  readonly segments: SegmentState[];
  /** True when the files may hold more than the state says, from before the last stop. */
  needsTidy: boolean;
  /** True once the topic was deleted: its files go. */
  isDropped: boolean;
  /** Where readers went on from last: entry numbers by offset, a few. */
  hints: Map<number, { readonly segment: SegmentState; readonly entry: number }> | undefined;
}

export interface TopicStore {
  readonly fileSystem: FileSystem;
  /** Of files that stay open, for reads and synchronisations. */
  readonly cache: HandleCache;
  readonly writer: FileWriter;
  readonly dataDirectory: string;
  readonly topicsDirectory: string;
  readonly segmentBytesMax: number;
  /** Entries of an index that wait in memory. */
  readonly entriesHeldMax: number;
  /** Directories where names were made or removed since they were synchronised. */
  readonly unsyncedDirectories: Set<string>;
}

/** Blocks are no longer than this, unless one message is: what a reader has to load to check one message. */
export const BLOCK_BYTES_MAX = 256 * 1024;
const WRITE_BYTES_MAX = 256 * 1024;
const LINE_FEED = 0x0a;

export function createTopicFiles(
  store: TopicStore,
  topic: { readonly id: number; readonly topic: string; readonly incarnation: string },
  segments: SegmentState[] = [],
): TopicFiles {
  return {
    topicId: topic.id,
    topic: topic.topic,
    incarnation: topic.incarnation,
    directory: `${store.topicsDirectory}/${topicDirectoryName(topic.topic)}`,
    segments,
    needsTidy: false,
    isDropped: false,
    hints: undefined,
  };
}

export function filePath(files: TopicFiles, segment: Pick<SegmentState, 'baseOffset'>, kind: TopicFileKind): string {
  return `${files.directory}/${topicFileName(segment.baseOffset, files.incarnation, kind)}`;
}

/** The offset that the files end at. */
export function writtenOffset(files: TopicFiles): number {
  return files.segments.at(-1)?.written.nextOffset ?? 0;
}

/**
 * Appends the batches, which follow on what is written.
 * @param onWritten called with the number of batches each time that some are in the files
 */
export async function writeBatches(
  store: TopicStore,
  files: TopicFiles,
  batches: readonly StoredBatch[],
  onWritten: (count: number) => void,
): Promise<void> {
  if (files.needsTidy) await tidyFiles(store, files);
  for (let from = 0; from < batches.length;) {
    let to = from;
    let bytes = 0;
    while (to < batches.length && (to === from || bytes + batches[to]!.length <= WRITE_BYTES_MAX)) {
      bytes += batches[to]!.length; // to < length
      to += 1;
    }
    await writeSome(store, files, batches.slice(from, to));
    onWritten(to - from);
    from = to;
  }
}

async function writeSome(store: TopicStore, files: TopicFiles, batches: readonly StoredBatch[]): Promise<void> {
  const last = files.segments.at(-1);
  const isFull = last === undefined || last.written.length >= store.segmentBytesMax;
  const segment = isFull ? await addSegment(store, files, batches[0]!) : last; // callers give at least one
  if (segment.held.length >= store.entriesHeldMax) await writeHeld(store, files, segment);
  const { written } = segment;
  const payloads = batches.map(({ bytes, start, length }) => bytes.subarray(start, start + length));
  const blocks = planBlocks(batches, payloads, written.length);
  await store.writer.write(filePath(files, segment, 'ndjson'), payloads, written.length);
  failpoint('topic-files.after-lines');
  segment.held.push(...blocks);
  const end = blocks.at(-1)!; // at least one batch makes at least one block
  segment.written = {
    nextOffset: end.baseOffset + end.recordCount,
    length: end.position + end.length,
    entries: written.entries + blocks.length,
    lastTimestampMs: end.timestampMs,
  };
}

/** Writes the entries that are held to the index. Two of these at once write the same bytes to the same place. */
export async function writeHeld(store: TopicStore, files: TopicFiles, segment: SegmentState): Promise<void> {
  const { indexed } = segment;
  const blocks = segment.held.slice();
  if (blocks.length === 0) return;
  await store.writer.write(filePath(files, segment, 'index'), [encodeBlocks(blocks)], indexPosition(indexed));
  failpoint('topic-files.after-index');
  const done = indexed + blocks.length - segment.indexed;
  if (done <= 0) return;
  segment.held.splice(0, done);
  segment.indexed += done;
}

async function addSegment(store: TopicStore, files: TopicFiles, first: StoredBatch): Promise<SegmentState> {
  const { baseOffset, timestampMs } = first;
  const header = encodeIndexHeader({ ...files, baseOffset });
  try {
    await store.writer.reset(filePath(files, first, 'index'), [header]);
    await store.writer.reset(filePath(files, first, 'ndjson'), []);
  } finally {
    // After the names were made: a synchronisation before would not have seen them.
    store.unsyncedDirectories.add(store.topicsDirectory).add(files.directory);
  }
  failpoint('topic-files.after-name');
  const segment: SegmentState = {
    baseOffset,
    firstTimestampMs: timestampMs,
    written: { nextOffset: baseOffset, length: 0, entries: 0, lastTimestampMs: timestampMs },
    synced: undefined,
    indexed: 0,
    held: [],
  };
  files.segments.push(segment);
  return segment;
}

/**
 * Neighbours with one timestamp become one block as far as it stays small; a large batch becomes several.
 * @param payloads those of the batches
 */
export function planBlocks(
  batches: readonly StoredBatch[],
  payloads: readonly Uint8Array[],
  position: number,
): Block[] {
  const blocks: Block[] = [];
  let open: Mutable<Block> | undefined;
  let at = position;
  const add = (baseOffset: number, recordCount: number, timestampMs: number, bytes: Uint8Array): void => {
    const { length } = bytes;
    if (open?.timestampMs === timestampMs && open.length + length <= BLOCK_BYTES_MAX) {
      open.payloadCrc = crc32(bytes, open.payloadCrc);
      open.length += length;
      open.recordCount += recordCount;
    } else {
      open = { baseOffset, timestampMs, position: at, length, recordCount, payloadCrc: crc32(bytes) };
      blocks.push(open);
    }
    at += length;
  };
  for (const [index, { baseOffset, recordCount, timestampMs }] of batches.entries()) {
    const payload = payloads[index]!; // one for each batch
    if (payload.length <= BLOCK_BYTES_MAX) {
      add(baseOffset, recordCount, timestampMs, payload);
      continue;
    }
    let [offset, count, rest] = [baseOffset, recordCount, payload];
    while (rest.length > 0) {
      const piece = rest.length > BLOCK_BYTES_MAX ? pieceOf(rest) : { length: rest.length, recordCount: count };
      add(offset, piece.recordCount, timestampMs, rest.subarray(0, piece.length));
      offset += piece.recordCount;
      count -= piece.recordCount;
      rest = rest.subarray(piece.length);
    }
  }
  return blocks;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** The first messages of a payload that fit a block, yet at least one. */
function pieceOf(payload: Uint8Array): { length: number; recordCount: number } {
  const buffer = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  const lastFit = buffer.lastIndexOf(LINE_FEED, BLOCK_BYTES_MAX - 1);
  const end = (lastFit === -1 ? buffer.indexOf(LINE_FEED) : lastFit) + 1;
  return { length: end, recordCount: countLines(buffer, end) };
}

/** How far the bytes of a segment are durable. */
export interface SyncedSegment {
  readonly segment: SegmentState;
  readonly mark: SegmentMark;
}

/**
 * Makes the bytes of what is written durable; to do the same for the names, and to say so in `synced`, is the caller's.
 * Writes may go on beside it.
 * @throws PulsesError STORAGE_FAILED when an fdatasync fails; the port's error when a file cannot be opened
 */
export async function syncFiles(store: TopicStore, files: TopicFiles): Promise<SyncedSegment[]> {
  const synced: SyncedSegment[] = [];
  for (const segment of [...files.segments]) {
    const mark = segment.written;
    if (segment.synced?.length === mark.length) continue;
    try {
      await writeHeld(store, files, segment);
      await syncFile(store, filePath(files, segment, 'ndjson'));
      await syncFile(store, filePath(files, segment, 'index'));
    } catch (error) {
      // Retention or a deletion was quicker.
      if (isMissing(error) && (files.isDropped || !files.segments.includes(segment))) continue;
      throw error;
    }
    failpoint('topic-files.after-sync');
    synced.push({ segment, mark });
  }
  return synced;
}

async function syncFile(store: TopicStore, path: string): Promise<void> {
  await store.cache.use(path, async (handle) => {
    try {
      await handle.datasync();
    } catch (error) {
      throw storageFailed(`fdatasync of ${path} failed`, error);
    }
  });
}

/** Makes names durable. */
export async function syncDirectory({ fileSystem }: TopicStore, directory: string): Promise<void> {
  try {
    await fileSystem.syncDirectory(directory);
  } catch (error) {
    // The directory of a deleted topic may be gone; the one above it is synchronised too then.
    if (!isMissing(error)) throw error;
  }
}

/**
 * Removes the topic's files that its segments do not name, and cuts off what the newest holds beyond its state.
 * @throws PulsesError JOURNAL_CORRUPT when a file is shorter than its state
 */
export async function tidyFiles(store: TopicStore, files: TopicFiles): Promise<void> {
  const { fileSystem, cache, dataDirectory } = store;
  // A write that was under way when the topic was deleted may have added a segment since.
  if (files.isDropped) files.segments.length = 0;
  const known = new Set(files.segments.map(({ baseOffset }) => baseOffset));
  for (const name of await listOrNone(fileSystem, files.directory)) {
    const parsed = parseTopicFileName(name);
    if (parsed?.incarnationPart !== files.incarnation.slice(0, 8) || known.has(parsed.baseOffset)) continue;
    const path = `${files.directory}/${name}`;
    await cache.forget(path);
    await fileSystem.remove(path);
    store.unsyncedDirectories.add(files.directory);
  }
  const newest = files.segments.at(-1);
  if (newest !== undefined && files.needsTidy) {
    const { length, entries } = newest.written;
    await cutFile(store, dataDirectory, filePath(files, newest, 'ndjson'), length, length);
    failpoint('topic-files.after-cut');
    // Entries that are held may be on their way into the file just now.
    await cutFile(
      store,
      dataDirectory,
      filePath(files, newest, 'index'),
      indexPosition(entries),
      indexPosition(newest.indexed),
    );
  }
  files.needsTidy = false;
}

/** Removes the directory of a deleted topic, unless its successor uses it. */
export async function removeTopicDirectory(store: TopicStore, files: TopicFiles): Promise<void> {
  try {
    await store.fileSystem.removeDirectory(files.directory);
    store.unsyncedDirectories.delete(files.directory);
    store.unsyncedDirectories.add(store.topicsDirectory);
  } catch (error) {
    const code = systemCode(error);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT') throw error;
  }
}

/** @param leastLength what the file has to hold at least */
async function cutFile(
  store: TopicStore,
  dataDirectory: string,
  path: string,
  length: number,
  leastLength: number,
): Promise<void> {
  let size: number;
  try {
    size = await store.cache.use(path, async (handle) => {
      const current = await handle.size();
      if (current > length) await handle.truncate(length);
      return current;
    });
  } catch (error) {
    if (isMissing(error))
      throw corrupt(dataDirectory, path, 0, `the file should hold ${leastLength} bytes and is missing`);
    throw error;
  }
  if (size < leastLength) throw corrupt(dataDirectory, path, size, `the file should hold ${leastLength} bytes`);
}

async function listOrNone(fileSystem: FileSystem, directory: string): Promise<string[]> {
  try {
    return await fileSystem.list(directory);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
