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
import {
  BASE_OFFSET,
  FRAME_LENGTH,
  LENGTH,
  LSN,
  PAYLOAD_AT,
  POSITION,
  RECORD_COUNT,
  ROW_BYTES,
  SEGMENT_FIRST_LSN,
  START,
  STATE,
  TailRows,
  TIMESTAMP_MS,
  TOPIC_ID,
  type TailRow,
} from './tail-rows';
import { TopicRows } from './topic-rows';

export type { TailRow } from './tail-rows';

/** A batch that is in the journal. */
export interface JournalBatch {
  readonly baseOffset: number;
  readonly recordCount: number;
  readonly timestampMs: number;
  readonly length: number;
  readonly place: FramePlace;
  /** Where the payload starts in the frame. */
  readonly payloadAt: number;
}

export interface Tail {
  /** @param entry with its payload, or with an empty one when only the journal has it */
  push(entry: Appended, at: Pick<JournalBatch, 'place' | 'payloadAt' | 'timestampMs'>): TailRow;
  /** The next batch of any topic; undefined while there is none. */
  after(row: TailRow): TailRow | undefined;
  topicIdOf(row: TailRow): number;
  lengthOf(row: TailRow): number;
  lsnOf(row: TailRow): number;
  /** True when its payload is in memory. */
  isLoaded(row: TailRow): boolean;
  inJournal(row: TailRow): JournalBatch;
  /** With its payload; undefined when only the journal has it. */
  inMemory(row: TailRow): StoredBatch | undefined;
  /** It is going to be written to the topic's files: a payload that is in memory stays there until `release`. */
  take(row: TailRow): void;
  /** The batch is readable in the topic's files, so it may leave. Once for each. */
  release(row: TailRow): void;
  /** Undefined when the payload of the message at `fromOffset` is not in memory. */
  read(topicId: number, fromOffset: number, bytesMax: number): RecordBatch[] | undefined;
  /** Consecutive batches from the one with `fromOffset` on, up to about `bytesMax`, that only the journal has. */
  unloaded(topicId: number, fromOffset: number, bytesMax: number): JournalBatch[];
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

/** What a batch takes beside its payload, about: its row, and its part of the frame, which lies in the same memory. */
export const BATCH_BYTES = ROW_BYTES + 96;

/** States of a row. */
const WAITING = 0;
const BEING_WRITTEN = 1;
const RELEASED = 2;

export function createTail(bytesMax: number, arena: Arena): Tail {
  const rows = new TailRows();
  const topics = new TopicRows(rows);
  /** The payloads of those before it are not in memory, or cannot leave it now. */
  let unloadNext: TailRow | undefined;
  let bytes = 0;
  let unreleasedBytes = 0;
  let unreleasedLoadedBytes = 0;
  let unreleasedCount = 0;

  const isLoaded = (row: TailRow): boolean => rows.bytesOf(row) !== undefined;

  const isReleased = (row: TailRow): boolean => rows.get(row, STATE) === RELEASED;

  const forget = (row: TailRow): void => {
    const payload = rows.bytesOf(row);
    if (payload === undefined) return;
    arena.release(payload);
    rows.setBytes(row, undefined);
    const length = rows.get(row, LENGTH);
    if (!isReleased(row)) unreleasedLoadedBytes -= length;
    bytes -= length + BATCH_BYTES;
  };

  const evict = (): void => {
    for (let row = rows.oldest; row !== undefined && isReleased(row); row = rows.oldest) {
      if (bytes <= bytesMax && isLoaded(row)) return;
      if (unloadNext === row) unloadNext = rows.after(row);
      forget(row);
      topics.leave(row);
      rows.leave();
    }
  };

  const unload = (): void => {
    while (bytes > bytesMax && unloadNext !== undefined) {
      const row = unloadNext;
      unloadNext = rows.after(row);
      if (rows.get(row, STATE) !== BEING_WRITTEN) forget(row);
    }
  };

  const inMemory = (row: TailRow): StoredBatch | undefined => {
    const payload = rows.bytesOf(row);
    return (
      payload && {
        baseOffset: rows.get(row, BASE_OFFSET),
        recordCount: rows.get(row, RECORD_COUNT),
        timestampMs: rows.get(row, TIMESTAMP_MS),
        bytes: payload,
        start: rows.get(row, START),
        length: rows.get(row, LENGTH),
      }
    );
  };

  const inJournal = (row: TailRow): JournalBatch => ({
    baseOffset: rows.get(row, BASE_OFFSET),
    recordCount: rows.get(row, RECORD_COUNT),
    timestampMs: rows.get(row, TIMESTAMP_MS),
    length: rows.get(row, LENGTH),
    place: {
      lsn: rows.get(row, LSN),
      segmentFirstLsn: rows.get(row, SEGMENT_FIRST_LSN),
      position: rows.get(row, POSITION),
      length: rows.get(row, FRAME_LENGTH),
    },
    payloadAt: rows.get(row, PAYLOAD_AT),
  });

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
    push: ({ topicId, baseOffset, recordCount, length, start, bytes: payload }, { place, payloadAt, timestampMs }) => {
      const row = rows.add();
      rows.set(row, TOPIC_ID, topicId);
      rows.set(row, BASE_OFFSET, baseOffset);
      rows.set(row, RECORD_COUNT, recordCount);
      rows.set(row, TIMESTAMP_MS, timestampMs);
      rows.set(row, LENGTH, length);
      rows.set(row, START, start);
      rows.set(row, PAYLOAD_AT, payloadAt);
      rows.set(row, LSN, place.lsn);
      rows.set(row, SEGMENT_FIRST_LSN, place.segmentFirstLsn);
      rows.set(row, POSITION, place.position);
      rows.set(row, FRAME_LENGTH, place.length);
      rows.set(row, STATE, WAITING);
      topics.add(row);
      unloadNext ??= row;
      unreleasedBytes += length;
      unreleasedCount += 1;
      // Empty too when others of its frame have been unloaded meanwhile, and the arena has freed it.
      if (payload.length > 0) {
        rows.setBytes(row, payload);
        arena.hold(payload);
        unreleasedLoadedBytes += length;
        bytes += length + BATCH_BYTES;
      }
      evict();
      unload();
      return row;
    },
    after: (row) => rows.after(row),
    topicIdOf: (row) => rows.get(row, TOPIC_ID),
    lengthOf: (row) => rows.get(row, LENGTH),
    lsnOf: (row) => rows.get(row, LSN),
    isLoaded,
    inJournal,
    inMemory,
    take: (row) => {
      rows.set(row, STATE, BEING_WRITTEN);
    },
    release: (row) => {
      const length = rows.get(row, LENGTH);
      if (isLoaded(row)) unreleasedLoadedBytes -= length;
      unreleasedBytes -= length;
      unreleasedCount -= 1;
      rows.set(row, STATE, RELEASED);
      evict();
      if (bytes > bytesMax && rows.has(row)) forget(row);
    },
    read: (topicId, fromOffset, readBytesMax) => {
      const gathering = createGathering(readBytesMax);
      for (let row = topics.find(topicId, fromOffset); row !== undefined; row = topics.after(row)) {
        const batch = inMemory(row);
        if (batch === undefined || !gathering.add(batchFrom(batch, Math.max(fromOffset, batch.baseOffset)))) break;
      }
      return gathering.batches.length === 0 ? undefined : copiesOf(gathering.batches);
    },
    unloaded: (topicId, fromOffset, readBytesMax) => {
      const found: JournalBatch[] = [];
      let length = 0;
      let row = topics.find(topicId, fromOffset);
      while (row !== undefined && !isReleased(row) && !isLoaded(row) && length < readBytesMax) {
        found.push(inJournal(row));
        length += rows.get(row, LENGTH);
        row = topics.after(row);
      }
      return found;
    },
    drop: (topicId) => {
      topics.drop(topicId);
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
