// Writes what is left of one topic into new files.
//
// Every message keeps its offset. One that is lost leaves a filler line in its place, so that what comes behind is not
// renumbered: see `fillerOf`. Of a message that is there twice, the files count as far as a checkpoint covers them, and the
// journal behind that, as on a start. Bounds: `WRITE_BYTES_MAX` of messages, one block, one append.

import { skipRecords } from '@pulses/broker-wire';
import type { FileSystem } from '@pulses/shared-ports';
import { createFindingList, missingOf, type OffsetRange } from './fsck-report';
import type { JournalPiece, SurveyedTopic } from './fsck-survey-types';
import { checkTopic, type SoundBlock } from './fsck-topic';
import { readUpTo } from './full-io';
import { batchFrom, type StoredBatch } from './record-cut';
import { syncFiles, writeBatches, type SegmentState, type TopicFiles, type TopicStore } from './topic-files';

const WRITE_BYTES_MAX = 4 * 1024 * 1024;
const FILLERS_PER_BATCH = 10_000;

export interface RescueOptions {
  /** Of the original. */
  readonly fileSystem: FileSystem;
  readonly surveyed: SurveyedTopic;
  /** Segments by the checkpoint; see TopicCheckOptions. */
  readonly segments: readonly SegmentState[] | undefined;
  /** In the order of offsets. */
  readonly pieces: readonly JournalPiece[];
  /** Of the new directory. */
  readonly store: TopicStore;
  readonly files: TopicFiles;
  readonly onBytes: (count: number) => void;
}

/**
 * Stands in for a lost message. No pulse, so an ingestor that reads it puts it among the dead letters, where it counts
 * and is seen; and no line that an ingestor writes, so `pulses totals` and `pulses audit` name it in an output topic.
 */
export function fillerOf(offset: number): string {
  return `{"lost_message":{"offset":${offset}}}\n`;
}

/** Writes the topic, durably but for the names, and sets what the state says of its bytes and times. */
export async function rescueTopic(options: RescueOptions): Promise<void> {
  const { fileSystem, surveyed, pieces, store, files } = options;
  const { topic, usesLoose } = surveyed;
  let cursor = topic.startOffset;
  let nextPiece = 0;
  let waiting: StoredBatch[] = [];
  let waitingBytes = 0;
  /** Lost messages before the cursor, whose fillers wait for a timestamp. */
  let fillers: OffsetRange | undefined;
  let firstTimestampMs: number | undefined;
  let lastTimestampMs = 0;
  let bytes = 0;

  const flush = async (): Promise<void> => {
    if (waiting.length > 0) await writeBatches(store, files, waiting, () => undefined);
    options.onBytes(waitingBytes);
    waiting = [];
    waitingBytes = 0;
  };

  const push = async (batch: StoredBatch): Promise<void> => {
    waiting.push(batch);
    waitingBytes += batch.length;
    bytes += batch.length;
    firstTimestampMs ??= batch.timestampMs;
    lastTimestampMs = batch.timestampMs;
    if (waitingBytes >= WRITE_BYTES_MAX) await flush();
  };

  const writeFillers = async (timestampMs: number): Promise<void> => {
    if (fillers === undefined) return;
    const { toOffset } = fillers;
    for (let from = fillers.fromOffset; from < toOffset; from += FILLERS_PER_BATCH) {
      const recordCount = Math.min(FILLERS_PER_BATCH, toOffset - from);
      const payload = Buffer.from(Array.from({ length: recordCount }, (_, index) => fillerOf(from + index)).join(''));
      await push({ baseOffset: from, recordCount, timestampMs, bytes: payload, start: 0, length: payload.length });
    }
    fillers = undefined;
  };

  const write = async (batch: StoredBatch): Promise<void> => {
    await writeFillers(firstTimestampMs === undefined ? batch.timestampMs : lastTimestampMs);
    const { payload, ...rest } = batchFrom(batch, cursor);
    // No reader may see time go back; only a clash of damaged sources could bring that about.
    const timestampMs = Math.max(lastTimestampMs, batch.timestampMs);
    cursor = batch.baseOffset + batch.recordCount;
    await push({ ...rest, timestampMs, bytes: payload, start: 0, length: payload.length });
  };

  /** Goes on to `offset`, or behind it, with what the journal has, and with fillers. */
  const goTo = async (offset: number): Promise<void> => {
    while (cursor < offset) {
      let piece = pieces[nextPiece];
      while (piece !== undefined && piece.toOffset <= cursor) piece = pieces[++nextPiece];
      if (piece !== undefined && piece.fromOffset <= cursor) {
        await write({ ...asBatch(piece), ...(await loadPiece(fileSystem, piece)) });
        continue;
      }
      const toOffset = Math.min(offset, piece?.fromOffset ?? Infinity);
      fillers = { fromOffset: fillers?.fromOffset ?? cursor, toOffset };
      cursor = toOffset;
    }
  };

  const onBlock = async (block: SoundBlock): Promise<void> => {
    if (!block.isDurable && !usesLoose) return;
    const toOffset = Math.min(block.baseOffset + block.recordCount, topic.nextOffset);
    const range = { fromOffset: Math.max(cursor, block.baseOffset), toOffset };
    for (const wanted of block.isDurable ? [range] : missingOf(range, pieces)) {
      await goTo(wanted.fromOffset);
      if (cursor < wanted.toOffset) await write(upTo(block, wanted.toOffset));
    }
  };

  await checkTopic({
    ...options,
    directory: surveyed.directory,
    certainEnd: surveyed.certainEnd,
    topic,
    list: createFindingList(),
    onBlock,
    onDamage: () => undefined,
    onBytes: () => undefined,
  });
  await goTo(topic.nextOffset);
  await writeFillers(firstTimestampMs === undefined ? topic.lastTimestampMs : lastTimestampMs);
  await flush();
  for (const { segment, mark } of await syncFiles(store, files)) segment.synced = mark;
  topic.bytes = bytes;
  topic.firstTimestampMs = firstTimestampMs ?? 0;
  topic.lastTimestampMs = Math.max(topic.lastTimestampMs, lastTimestampMs);
}

function asBatch({ fromOffset, toOffset, timestampMs, length }: JournalPiece): Omit<StoredBatch, 'bytes' | 'start'> {
  return { baseOffset: fromOffset, recordCount: toOffset - fromOffset, timestampMs, length };
}

async function loadPiece(fileSystem: FileSystem, piece: JournalPiece): Promise<Pick<StoredBatch, 'bytes' | 'start'>> {
  const handle = await fileSystem.open(piece.path, 'read');
  try {
    const bytes = Buffer.allocUnsafeSlow(piece.length);
    const count = await readUpTo(handle, bytes, piece.position);
    if (count < piece.length) throw new TypeError(`${piece.path} has changed meanwhile`);
    return { bytes, start: 0 };
  } finally {
    await handle.close();
  }
}

/** The messages of the block before `toOffset`. */
function upTo({ baseOffset, recordCount, timestampMs, payload }: SoundBlock, toOffset: number): StoredBatch {
  const count = Math.min(recordCount, toOffset - baseOffset);
  const length = count === recordCount ? payload.length : skipRecords(payload, count);
  return { baseOffset, recordCount: count, timestampMs, bytes: payload, start: 0, length };
}
