// What was stored lately, by topic: the newest messages, in memory, and where the journal has those that are not in the
// topics' files yet.
//
// Guarantees: for each topic it knows a gapless run of batches up to its newest; none leaves before `release` has said
// that it is readable in the topic's files. Payloads in memory are the ones that were written to the journal; readers get
// copies. Bounds: `bytesMax` of payload, and what is taken at the moment. The oldest batches leave first, whatever
// their topic; when those are not released yet, the oldest payloads do, and are read from the journal again.

import type { RecordBatch } from '@pulses/broker-wire';
import type { Arena } from './arena';
import type { Appended } from './entries';
import type { FramePlace } from './journal-reader';
import { batchFrom, createGathering, type StoredBatch } from './record-cut';

export interface TailBatch {
  readonly topicId: number;
  readonly baseOffset: number;
  readonly recordCount: number;
  readonly timestampMs: number;
  readonly length: number;
  readonly place: FramePlace;
  /** Where the payload starts in the frame. */
  readonly payloadAt: number;
  /** What the payload is in, from `start` on; undefined when only the journal has it. */
  bytes: Uint8Array | undefined;
  readonly start: number;
  /** True while it is being written to the topic's files: the payload stays in memory. */
  isTaken: boolean;
  /** True once it is readable in the topic's files. */
  isReleased: boolean;
  /** The next one of any topic; undefined while there is none, and once this one has left the tail. */
  next: TailBatch | undefined;
}

type LoadedBatch = TailBatch & StoredBatch;

/** Where a batch lies in the journal. */
interface BatchPlace {
  readonly place: FramePlace;
  readonly payloadAt: number;
  readonly timestampMs: number;
}

interface TopicTail {
  /** Undefined where a batch has left: nothing may keep its payload in memory. */
  batches: (TailBatch | undefined)[];
  /** Batches before this index have left. */
  head: number;
}

export interface Tail {
  /** @param entry with its payload, or with an empty one when only the journal has it */
  push(entry: Appended, at: BatchPlace): TailBatch;
  /** The batch is readable in the topic's files, so it may leave. */
  release(batch: TailBatch): void;
  /** Undefined when the payload of the message at `fromOffset` is not in memory. */
  read(topicId: number, fromOffset: number, bytesMax: number): RecordBatch[] | undefined;
  /** Consecutive batches from the one with `fromOffset` on, up to about `bytesMax`, that only the journal has. */
  unloaded(topicId: number, fromOffset: number, bytesMax: number): TailBatch[];
  /** Forgets a topic that was deleted. */
  drop(topicId: number): void;
  /** Payloads in memory, and what their batches take beside them. */
  readonly bytes: number;
  /** Payload bytes that are not in the topics' files, in memory or not. */
  readonly unreleasedBytes: number;
  /** Of those, what is in memory. */
  readonly unreleasedLoadedBytes: number;
  readonly unreleasedCount: number;
}

/** What a batch takes beside its payload, about. */
const BATCH_BYTES = 256;

export function isLoaded(batch: TailBatch): batch is LoadedBatch {
  return batch.bytes !== undefined;
}

export function createTail(bytesMax: number, arena: Arena): Tail {
  const topics = new Map<number, TopicTail>();
  let oldest: TailBatch | undefined;
  let newest: TailBatch | undefined;
  /** The payloads of those before it are not in memory, or cannot leave it now. */
  let unloadNext: TailBatch | undefined;
  let bytes = 0;
  let unreleasedBytes = 0;
  let unreleasedLoadedBytes = 0;
  let unreleasedCount = 0;

  const forget = (batch: TailBatch): void => {
    if (batch.bytes === undefined) return;
    arena.release(batch.bytes);
    batch.bytes = undefined;
    if (!batch.isReleased) unreleasedLoadedBytes -= batch.length;
    bytes -= batch.length + BATCH_BYTES;
  };

  const evict = (): void => {
    while (oldest?.isReleased === true && (bytes > bytesMax || oldest.bytes === undefined)) {
      const batch = oldest;
      oldest = batch.next;
      if (oldest === undefined) newest = undefined;
      // One that has grown old would keep all that follow on it until the next full collection.
      batch.next = undefined;
      if (unloadNext === batch) unloadNext = oldest;
      forget(batch);
      const topic = topics.get(batch.topicId);
      if (topic !== undefined) leave(topics, batch.topicId, topic);
    }
  };

  const unload = (): void => {
    while (bytes > bytesMax && unloadNext !== undefined) {
      const batch = unloadNext;
      unloadNext = batch.next;
      if (!batch.isTaken) forget(batch);
    }
  };

  return {
    get bytes() {
      return bytes;
    },
    get unreleasedBytes() {
      return unreleasedBytes;
    },
    get unreleasedLoadedBytes() {
      return unreleasedLoadedBytes;
    },
    get unreleasedCount() {
      return unreleasedCount;
    },
    push: (entry, { place, payloadAt, timestampMs }) => {
      const { topicId, baseOffset, recordCount, length, start } = entry;
      // Empty too when others of its frame have been unloaded meanwhile, and the arena has freed it.
      const payload = entry.bytes.length === 0 ? undefined : entry.bytes;
      const batch: TailBatch = {
        topicId,
        baseOffset,
        recordCount,
        timestampMs,
        length,
        place,
        payloadAt,
        bytes: payload,
        start,
        isTaken: false,
        isReleased: false,
        next: undefined,
      };
      if (newest === undefined) oldest = batch;
      else newest.next = batch;
      newest = batch;
      unloadNext ??= batch;
      unreleasedBytes += length;
      unreleasedCount += 1;
      const topic = topics.get(topicId);
      if (topic === undefined) topics.set(topicId, { batches: [batch], head: 0 });
      else topic.batches.push(batch);
      if (payload !== undefined) {
        arena.hold(payload);
        unreleasedLoadedBytes += length;
        bytes += length + BATCH_BYTES;
      }
      evict();
      unload();
      return batch;
    },
    release: (batch) => {
      if (batch.isReleased) return;
      batch.isTaken = false;
      batch.isReleased = true;
      unreleasedBytes -= batch.length;
      if (isLoaded(batch)) unreleasedLoadedBytes -= batch.length;
      unreleasedCount -= 1;
      evict();
      if (bytes > bytesMax) forget(batch);
    },
    read: (topicId, fromOffset, readBytesMax) => {
      const topic = topics.get(topicId);
      let index = topic === undefined ? -1 : indexOfOffset(topic, fromOffset);
      let batch = topic?.batches[index];
      if (topic === undefined || batch === undefined || !isLoaded(batch)) return undefined;
      const gathering = createGathering(readBytesMax);
      let isWanted = gathering.add(batchFrom(batch, fromOffset));
      while (isWanted) {
        index += 1;
        batch = topic.batches[index];
        isWanted = batch !== undefined && isLoaded(batch) && gathering.add(batchFrom(batch, batch.baseOffset));
      }
      return copiesOf(gathering.batches);
    },
    unloaded: (topicId, fromOffset, readBytesMax) => {
      const topic = topics.get(topicId);
      const found: TailBatch[] = [];
      if (topic === undefined) return found;
      let length = 0;
      for (let index = indexOfOffset(topic, fromOffset); index !== -1 && length < readBytesMax; index += 1) {
        const batch = topic.batches[index];
        if (batch === undefined || batch.isReleased || isLoaded(batch)) break;
        found.push(batch);
        length += batch.length;
      }
      return found;
    },
    drop: (topicId) => {
      topics.delete(topicId);
    },
  };
}

/** The batches with payloads of their own, in one piece of memory. */
function copiesOf(batches: readonly RecordBatch[]): RecordBatch[] {
  let length = 0;
  for (const { payload } of batches) length += payload.length;
  const memory = Buffer.allocUnsafe(length);
  let at = 0;
  return batches.map((batch) => {
    memory.set(batch.payload, at);
    const payload = memory.subarray(at, at + batch.payload.length);
    at += payload.length;
    return { ...batch, payload };
  });
}

/** The topic's first batch goes. */
function leave(topics: Map<number, TopicTail>, topicId: number, topic: TopicTail): void {
  topic.batches[topic.head] = undefined;
  topic.head += 1;
  if (topic.head === topic.batches.length) {
    topics.delete(topicId);
  } else if (topic.head >= 64 && topic.head * 2 >= topic.batches.length) {
    topic.batches = topic.batches.slice(topic.head);
    topic.head = 0;
  }
}

/** Index of the batch that holds the offset, or -1 when it has left or never came. */
function indexOfOffset(topic: TopicTail, offset: number): number {
  if (offset < (topic.batches[topic.head]?.baseOffset ?? Infinity)) return -1;
  let low = topic.head;
  let high = topic.batches.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const batch = topic.batches[middle]!; // head <= middle < length
    if (batch.baseOffset + batch.recordCount <= offset) low = middle + 1;
    else high = middle;
  }
  return low === topic.batches.length ? -1 : low;
}
