// Checks the files of one topic: every entry of every index, and every block of messages against it.
//
// Two parts of a file are told apart. What the checkpoint calls durable has to be right to the last byte. What comes
// behind is written again from the journal on the next start, so a fault there is a note. Bounds: one window of a
// file and one run of index entries.

import { crc32 } from 'node:zlib';
import type { FileHandle, FileSystem } from '@pulses/shared-ports';
import type { DamagedRange, Finding, FindingList } from './fsck-report';
import { readUpTo } from './full-io';
import { createWindowReader, type WindowReader } from './journal-window';
import { countLines } from './record-cut';
import type { TopicState } from './state';
import { isMissing } from './storage-errors';
import type { SegmentMark, SegmentState } from './topic-files';
import {
  decodeBlock,
  decodeIndexHeader,
  INDEX_ENTRY_BYTES,
  INDEX_HEADER_BYTES,
  indexPosition,
  type Block,
} from './topic-index';
import { parseTopicFileName, topicFileName, type TopicFileKind } from './topic-names';

const ENTRIES_PER_READ = 4_096;
const LINE_FEED = 0x0a;

/** Part of a segment that was found to be sound. */
export interface SoundBlock extends Block {
  /** First offset of the segment. */
  readonly segment: number;
  /** Number of its entry in the index. */
  readonly entry: number;
  /** True for one that a checkpoint covers, or that ends where its state still counts messages. */
  readonly isDurable: boolean;
  /** Its messages; valid as long as it is referred to. */
  readonly payload: Uint8Array;
}

export interface TopicCheckOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly topic: Pick<TopicState, 'id' | 'topic' | 'incarnation' | 'startOffset'>;
  /** What the checkpoint says; undefined when no checkpoint is left, and all of the files has to be right. */
  readonly segments: readonly SegmentState[] | undefined;
  /** Up to here the checkpoint's state counts messages: a sound block that ends there holds none that may be stored again. */
  readonly certainEnd: number;
  readonly list: FindingList;
  /** In the order of offsets, one at a time. */
  readonly onBlock: (block: SoundBlock) => Promise<void> | void;
  readonly onDamage: (range: DamagedRange) => void;
  readonly onBytes: (count: number) => void;
}

interface CheckedSegment {
  readonly baseOffset: number;
  readonly mark: SegmentMark | undefined;
  readonly isNewest: boolean;
}

/** Checks the topic; resolves to the names in its directory that belong to none of its segments, and the count of those. */
export async function checkTopic(options: TopicCheckOptions): Promise<{ strays: string[]; segments: number }> {
  const { fileSystem, directory, topic, segments } = options;
  const part = topic.incarnation.slice(0, 8);
  const names = await fileSystem.list(directory).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const found = new Set<number>();
  const strays: string[] = [];
  for (const name of names) {
    const parsed = parseTopicFileName(name);
    if (parsed?.incarnationPart === part) found.add(parsed.baseOffset);
    else strays.push(name);
  }
  const durable = (segments ?? []).filter(({ written }) => written.nextOffset > topic.startOffset);
  const durableEnd = segments?.at(-1)?.written.nextOffset ?? 0;
  const known = new Set(segments?.map(({ baseOffset }) => baseOffset));
  const checked: CheckedSegment[] = durable.map(({ baseOffset, written }, index) => ({
    baseOffset,
    mark: written,
    isNewest: index === durable.length - 1,
  }));
  for (const baseOffset of [...found].sort((left, right) => left - right)) {
    if (known.has(baseOffset)) continue;
    if (baseOffset >= durableEnd) checked.push({ baseOffset, mark: undefined, isNewest: true });
    else strays.push(topicFileName(baseOffset, topic.incarnation, 'ndjson'));
  }
  for (const segment of checked) await checkSegment(options, segment);
  return { strays, segments: checked.length };
}

async function checkSegment(options: TopicCheckOptions, segment: CheckedSegment): Promise<void> {
  const { topic, directory } = options;
  const pathOf = (kind: TopicFileKind): string =>
    `${directory}/${topicFileName(segment.baseOffset, topic.incarnation, kind)}`;
  const lines = await openIfThere(options, pathOf('ndjson'));
  const index = await openIfThere(options, pathOf('index'));
  try {
    const isExpected = segment.mark !== undefined || options.segments === undefined;
    if (lines === undefined || index === undefined) {
      if (!isExpected) return;
      const missing = lines === undefined ? pathOf('ndjson') : pathOf('index');
      const finding = options.list.add('damage', missing, 0, 'the file is missing');
      const toOffset = segment.mark?.nextOffset ?? segment.baseOffset;
      options.onDamage({ topicId: topic.id, fromOffset: segment.baseOffset, toOffset, finding });
      return;
    }
    await createSegmentCheck(options, segment, {
      index,
      linesPath: pathOf('ndjson'),
      indexPath: pathOf('index'),
      linesLength: await lines.size(),
      indexLength: await index.size(),
      lines,
    })();
  } finally {
    await lines?.close();
    await index?.close();
  }
}

async function openIfThere({ fileSystem }: TopicCheckOptions, path: string): Promise<FileHandle | undefined> {
  try {
    return await fileSystem.open(path, 'read');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

interface OpenSegment {
  readonly lines: FileHandle;
  readonly index: FileHandle;
  readonly linesPath: string;
  readonly indexPath: string;
  readonly linesLength: number;
  readonly indexLength: number;
}

function createSegmentCheck(
  options: TopicCheckOptions,
  segment: CheckedSegment,
  files: OpenSegment,
): () => Promise<void> {
  const { topic, list } = options;
  const { linesPath, indexPath, linesLength, indexLength } = files;
  const reader = createWindowReader(files.lines, linesLength);
  const entriesThere = Math.max(0, Math.floor((indexLength - INDEX_HEADER_BYTES) / INDEX_ENTRY_BYTES));
  const isWhole = options.segments === undefined;
  const entriesDurable = segment.mark?.entries ?? (isWhole ? entriesThere : 0);
  const lengthDurable = segment.mark?.length ?? (isWhole ? linesLength : 0);
  let next = { offset: segment.baseOffset, position: 0, timestampMs: 0 };
  /** Bad entries, of which it is not known yet how many messages they stand for. */
  let open: { fromOffset: number; findings: Finding[] } | undefined;
  /** That the lines end too early is told once, not for each block. */
  let truncation: Finding | undefined;

  const badEntry = (at: number, what: string): void => {
    open ??= { fromOffset: next.offset, findings: [] };
    open.findings.push(list.add('damage', indexPath, at, what));
  };

  const closeDamage = (toOffset: number): void => {
    if (open === undefined) return;
    const { fromOffset, findings } = open;
    for (const finding of findings) options.onDamage({ topicId: topic.id, fromOffset, toOffset, finding });
    open = undefined;
  };

  const checkLengths = (): void => {
    if (linesLength < lengthDurable) {
      truncation = list.add('damage', linesPath, linesLength, `the file should hold ${lengthDurable} bytes`);
    }
    if (segment.isNewest || segment.mark === undefined) return;
    const indexDurable = indexPosition(entriesDurable);
    if (linesLength > lengthDurable)
      list.add('damage', linesPath, lengthDurable, 'the file is longer than what was written');
    if (indexLength > indexDurable)
      list.add('damage', indexPath, indexDurable, 'the index is longer than what was written');
  };

  const checkDurable = async (block: Block | undefined, entry: number): Promise<void> => {
    const at = indexPosition(entry);
    if (block === undefined) {
      badEntry(at, 'the entry is not valid');
      return;
    }
    const { baseOffset, position, recordCount, length, timestampMs } = block;
    const range = { fromOffset: baseOffset, toOffset: baseOffset + recordCount };
    const isBehind = baseOffset >= next.offset && position >= next.position && timestampMs >= next.timestampMs;
    const follows = isBehind && (open !== undefined || (baseOffset === next.offset && position === next.position));
    if (!follows) {
      badEntry(at, `the entry does not follow on offset ${next.offset}`);
      return;
    }
    closeDamage(baseOffset);
    next = { offset: range.toOffset, position: position + length, timestampMs };
    const payload = await soundPayload(reader, block);
    if (payload !== undefined) {
      await options.onBlock({ ...block, segment: segment.baseOffset, entry, isDurable: true, payload });
      return;
    }
    const what = `the block of offsets ${baseOffset} to ${range.toOffset - 1} is not valid`;
    const finding =
      (position + length > linesLength ? truncation : undefined) ?? list.add('damage', linesPath, position, what);
    options.onDamage({ topicId: topic.id, ...range, finding });
  };

  /** False when what follows is not to be read. */
  const checkLoose = async (block: Block | undefined, entry: number): Promise<boolean> => {
    const follows = block?.baseOffset === next.offset && block.position === next.position;
    const payload = follows ? await soundPayload(reader, block) : undefined;
    if (payload !== undefined && follows) {
      const isCertain = block.baseOffset + block.recordCount <= options.certainEnd;
      await options.onBlock({ ...block, segment: segment.baseOffset, entry, isDurable: isCertain, payload });
      next = {
        offset: block.baseOffset + block.recordCount,
        position: block.position + block.length,
        timestampMs: block.timestampMs,
      };
      return true;
    }
    const what = 'from here on the file is not what was written; no checkpoint covers it, a start writes it again';
    if (block === undefined || !follows) list.add('note', indexPath, indexPosition(entry), what);
    else list.add('note', linesPath, block.position, what);
    return false;
  };

  return async () => {
    options.onBytes(linesLength + indexLength);
    await checkHeader(options, segment, files);
    checkLengths();
    const bytes = Buffer.allocUnsafeSlow(ENTRIES_PER_READ * INDEX_ENTRY_BYTES);
    let isReading = true;
    for (let first = 0; first < entriesThere && isReading; first += ENTRIES_PER_READ) {
      const count = Math.min(ENTRIES_PER_READ, entriesThere - first);
      const read = bytes.subarray(0, count * INDEX_ENTRY_BYTES);
      await readUpTo(files.index, read, indexPosition(first));
      for (let index = 0; index < count && isReading; index += 1) {
        const block = decodeBlock(read, index * INDEX_ENTRY_BYTES);
        if (first + index < entriesDurable) await checkDurable(block, first + index);
        else isReading = await checkLoose(block, first + index);
      }
    }
    const indexDurable = indexPosition(entriesDurable);
    if (indexLength < indexDurable) badEntry(indexLength, `the index should hold ${indexDurable} bytes`);
    const toOffset = segment.mark?.nextOffset ?? next.offset;
    if (open === undefined && next.offset < toOffset)
      badEntry(indexDurable, `the entries end before offset ${toOffset}`);
    closeDamage(toOffset);
  };
}

async function checkHeader(options: TopicCheckOptions, segment: CheckedSegment, files: OpenSegment): Promise<void> {
  const { topic, list } = options;
  const bytes = new Uint8Array(INDEX_HEADER_BYTES);
  const header = decodeIndexHeader(bytes.subarray(0, await readUpTo(files.index, bytes, 0)));
  const isRight =
    header?.incarnation === topic.incarnation &&
    header.baseOffset === segment.baseOffset &&
    header.topicId === topic.id &&
    header.topic === topic.topic;
  if (isRight) return;
  const isExpected = segment.mark !== undefined || options.segments === undefined;
  list.add(isExpected ? 'damage' : 'note', files.indexPath, 0, 'the header of the index is not valid');
}

/** The block's bytes, when they are the ones that its entry describes. */
async function soundPayload(reader: WindowReader, block: Block): Promise<Uint8Array | undefined> {
  const { position, length, recordCount, payloadCrc } = block;
  const { bytes, at } = await reader.view(position, length);
  if (length === 0 || at + length > bytes.length) return undefined;
  const payload = Buffer.from(bytes.buffer, bytes.byteOffset + at, length);
  const isSound =
    crc32(payload) === payloadCrc && payload[length - 1] === LINE_FEED && countLines(payload, length) === recordCount;
  return isSound ? payload : undefined;
}
