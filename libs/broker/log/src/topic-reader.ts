// Reads messages from a topic's files.
//
// Guarantees: every block is checked against its CRC in the index, and every entry against its own, before a message
// of it is given out: what comes back is what was written, or JOURNAL_CORRUPT with file and byte.

import { crc32 } from 'node:zlib';
import type { RecordBatch } from '@pulses/broker-wire';
import type { FileHandle } from '@pulses/shared-ports';
import { readUpTo } from './full-io';
import { batchFrom, createGathering } from './record-cut';
import { corrupt, isMissing, readFailed } from './storage-errors';
import { filePath, type SegmentState, type TopicFiles, type TopicStore } from './topic-files';
import { decodeBlock, INDEX_ENTRY_BYTES, indexPosition, type Block } from './topic-index';

const ENTRIES_PER_READ = 1_024;
const HINTS_KEPT = 8;

/**
 * Messages from `fromOffset` on, which the files hold.
 * @throws PulsesError JOURNAL_CORRUPT; OVERLOADED when no descriptor is left; STORAGE_FAILED when the disk fails
 */
export async function readFiles(
  store: TopicStore,
  files: TopicFiles,
  fromOffset: number,
  bytesMax: number,
): Promise<RecordBatch[]> {
  const segment = segmentOf(files, fromOffset);
  if (segment === undefined) throw new TypeError(`the files of ${files.topic} do not hold offset ${fromOffset}`);
  try {
    const { entry, blocks } = await loadBlocks(store, files, segment, fromOffset, bytesMax);
    const batches = await loadPayloads(store, files, segment, blocks, fromOffset, bytesMax);
    remember(files, segment, entry, blocks, batches);
    return batches;
  } catch (error) {
    const path = filePath(files, segment, 'ndjson');
    if (isMissing(error)) throw corrupt(store.dataDirectory, path, 0, 'the file or its index is missing');
    throw readFailed(path, error);
  }
}

function segmentOf(files: TopicFiles, offset: number): SegmentState | undefined {
  const { segments } = files;
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (segments[middle]!.written.nextOffset <= offset)
      low = middle + 1; // middle < high <= length
    else high = middle;
  }
  const found = segments[low];
  return found !== undefined && found.baseOffset <= offset ? found : undefined;
}

/** Consecutive blocks from the one with `fromOffset` on, and the number of the first. */
async function loadBlocks(
  store: TopicStore,
  files: TopicFiles,
  segment: SegmentState,
  fromOffset: number,
  bytesMax: number,
): Promise<{ entry: number; blocks: Block[] }> {
  const path = filePath(files, segment, 'index');
  const { entries } = segment.written;
  return await store.cache.use(path, async (handle) => {
    /** `count` entries, or fewer that are enough: at least one. */
    const load = async (entry: number, count: number): Promise<Block[]> => {
      const inFile = Math.max(0, Math.min(count, segment.indexed - entry));
      const heldFrom = Math.max(0, entry - segment.indexed);
      const held = segment.held.slice(heldFrom, heldFrom + count - inFile);
      if (inFile === 0) return held;
      const found = await loadEntries(store, path, handle, entry, inFile, bytesMax);
      return found.length < inFile ? found : [...found, ...held];
    };
    const entry = knownEntry(files, segment, fromOffset) ?? (await searchEntry(load, entries, fromOffset));
    const loaded = await load(entry, Math.min(ENTRIES_PER_READ, entries - entry));
    const blocks: Block[] = [];
    let bytes = 0;
    for (const block of loaded) {
      const before = blocks.at(-1);
      const isNext =
        before === undefined
          ? block.baseOffset <= fromOffset && fromOffset < block.baseOffset + block.recordCount
          : block.baseOffset === before.baseOffset + before.recordCount &&
            block.position === before.position + before.length;
      if (!isNext) {
        const at = indexPosition(entry + blocks.length);
        throw corrupt(store.dataDirectory, path, at, `the entry does not follow on offset ${fromOffset}`);
      }
      if (blocks.length > 0 && bytes + block.length > bytesMax) break;
      blocks.push(block);
      bytes += block.length;
    }
    return { entry, blocks };
  });
}

function knownEntry({ hints }: TopicFiles, segment: SegmentState, offset: number): number | undefined {
  if (offset === segment.baseOffset) return 0;
  const hint = hints?.get(offset);
  return hint?.segment === segment ? hint.entry : undefined;
}

async function searchEntry(
  load: (entry: number, count: number) => Promise<Block[]>,
  entries: number,
  offset: number,
): Promise<number> {
  let low = 0;
  let high = entries - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    const [block] = await load(middle, 1);
    if (block!.baseOffset <= offset)
      low = middle; // load gives at least one
    else high = middle - 1;
  }
  return low;
}

/** `count` entries, or fewer when the blocks of those are enough for `bytesMax`. @throws PulsesError JOURNAL_CORRUPT */
async function loadEntries(
  store: TopicStore,
  path: string,
  handle: FileHandle,
  entry: number,
  count: number,
  bytesMax: number,
): Promise<Block[]> {
  const bytes = Buffer.allocUnsafe(count * INDEX_ENTRY_BYTES);
  const start = indexPosition(entry);
  const read = bytes.subarray(0, await readUpTo(handle, bytes, start));
  const blocks: Block[] = [];
  for (let at = 0, blockBytes = 0; at < bytes.length && (at === 0 || blockBytes < bytesMax); at += INDEX_ENTRY_BYTES) {
    const block = decodeBlock(read, at);
    if (block === undefined) throw corrupt(store.dataDirectory, path, start + at, 'the entry is not valid');
    blocks.push(block);
    blockBytes += block.length;
  }
  return blocks;
}

async function loadPayloads(
  store: TopicStore,
  files: TopicFiles,
  segment: SegmentState,
  blocks: readonly Block[],
  fromOffset: number,
  bytesMax: number,
): Promise<RecordBatch[]> {
  const path = filePath(files, segment, 'ndjson');
  const first = blocks[0]!; // loadBlocks gives at least the block with the offset
  const last = blocks.at(-1)!;
  const bytes = Buffer.allocUnsafe(last.position + last.length - first.position);
  const count = await store.cache.use(path, (handle) => readUpTo(handle, bytes, first.position));
  const gathering = createGathering(bytesMax);
  for (const block of blocks) {
    const start = block.position - first.position;
    const isWhole = start + block.length <= count;
    if (!isWhole || crc32(bytes.subarray(start, start + block.length)) !== block.payloadCrc) {
      const what = `the block of offsets ${block.baseOffset} to ${block.baseOffset + block.recordCount - 1} is not valid`;
      throw corrupt(store.dataDirectory, path, block.position, what);
    }
    if (!gathering.add(batchFrom({ ...block, bytes, start }, Math.max(fromOffset, block.baseOffset)))) break;
  }
  return gathering.batches;
}

/** The reader is likely to come back for what follows. */
function remember(
  files: TopicFiles,
  segment: SegmentState,
  entry: number,
  blocks: readonly Block[],
  batches: readonly RecordBatch[],
): void {
  const end = batches.at(-1)!; // at least one
  const next = end.baseOffset + end.recordCount;
  const within = blocks.findIndex((block) => next < block.baseOffset + block.recordCount);
  const nextEntry = entry + (within === -1 ? blocks.length : within);
  if (nextEntry >= segment.written.entries) return;
  files.hints ??= new Map();
  files.hints.set(next, { segment, entry: nextEntry });
  if (files.hints.size <= HINTS_KEPT) return;
  for (const oldest of files.hints.keys()) {
    files.hints.delete(oldest);
    return;
  }
}
