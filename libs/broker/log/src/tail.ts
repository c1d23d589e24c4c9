// The newest messages of all topics, in memory: what readers near the head are served from.
//
// Guarantees: for each topic it holds a gapless run of batches up to its newest. Payloads are the ones that were
// written to the journal, not copies. Bounds: `bytesMax` of payload; the oldest batches leave first, whatever their
// topic, but none before `release` has said that it is readable elsewhere.

import type { RecordBatch } from '@pulses/broker-wire';
import type { Appended } from './entries';
import { batchFrom, createGathering, type StoredBatch } from './record-cut';

export interface TailBatch extends StoredBatch {
  /** LSN of its frame. */
  readonly lsn: number;
  readonly topicId: number;
  /** True once it is readable elsewhere. */
  isReleased: boolean;
  /** The next one of any topic. */
  next: TailBatch | undefined;
}

interface TopicTail {
  /** Undefined where a batch has left: nothing may keep its payload in memory. */
  batches: (TailBatch | undefined)[];
  /** Batches before this index have left. */
  head: number;
}

export interface Tail {
  push(entry: Appended, timestampMs: number, lsn: number): TailBatch;
  /** The batch is readable elsewhere, so it may leave. */
  release(batch: TailBatch): void;
  /** Undefined when the message at `fromOffset` has left, or never came. */
  read(topicId: number, fromOffset: number, bytesMax: number): RecordBatch[] | undefined;
  /** Forgets a topic that was deleted. */
  drop(topicId: number): void;
  /** Payload bytes held. */
  readonly bytes: number;
  /** Payload bytes that are readable nowhere else. */
  readonly unreleasedBytes: number;
}

export function createTail(bytesMax: number): Tail {
  const topics = new Map<number, TopicTail>();
  let oldest: TailBatch | undefined;
  let newest: TailBatch | undefined;
  let bytes = 0;
  let unreleasedBytes = 0;

  const evict = (): void => {
    while (bytes > bytesMax && oldest?.isReleased === true) {
      const batch = oldest;
      oldest = batch.next;
      if (oldest === undefined) newest = undefined;
      bytes -= batch.length;
      const topic = topics.get(batch.topicId);
      if (topic !== undefined) leave(topics, batch.topicId, topic);
    }
  };

  return {
    get bytes() {
      return bytes;
    },
    get unreleasedBytes() {
      return unreleasedBytes;
    },
    push: (entry, timestampMs, lsn) => {
      const { topicId, baseOffset, recordCount, length, start } = entry;
      const batch: TailBatch = {
        topicId,
        baseOffset,
        recordCount,
        timestampMs,
        bytes: entry.bytes,
        start,
        length,
        lsn,
        isReleased: false,
        next: undefined,
      };
      if (newest === undefined) oldest = batch;
      else newest.next = batch;
      newest = batch;
      bytes += length;
      unreleasedBytes += length;
      const topic = topics.get(topicId);
      if (topic === undefined) topics.set(topicId, { batches: [batch], head: 0 });
      else topic.batches.push(batch);
      return batch;
    },
    release: (batch) => {
      if (batch.isReleased) return;
      batch.isReleased = true;
      unreleasedBytes -= batch.length;
      evict();
    },
    read: (topicId, fromOffset, readBytesMax) => {
      const topic = topics.get(topicId);
      const first = topic?.batches[topic.head];
      if (topic === undefined || first === undefined || fromOffset < first.baseOffset) return undefined;
      const gathering = createGathering(readBytesMax);
      let index = indexOfOffset(topic, fromOffset);
      let batch = topic.batches[index];
      let isWanted = batch !== undefined && gathering.add(batchFrom(batch, fromOffset));
      while (isWanted) {
        index += 1;
        batch = topic.batches[index];
        isWanted = batch !== undefined && gathering.add(batchFrom(batch, batch.baseOffset));
      }
      return gathering.batches;
    },
    drop: (topicId) => {
      topics.delete(topicId);
    },
  };
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

/** Index of the batch that holds the offset, or of the place behind the last. */
function indexOfOffset(topic: TopicTail, offset: number): number {
  let low = topic.head;
  let high = topic.batches.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const batch = topic.batches[middle]!; // head <= middle < length
    if (batch.baseOffset + batch.recordCount <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
