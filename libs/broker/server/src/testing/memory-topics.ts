// Topics of the log in memory: their messages, their order, and the listeners.

import type { CommitRequest } from '@pulses/broker-log-api';
import { skipRecords, type Incarnation, type RecordBatch, type TopicAppend, type TopicInfo } from '@pulses/broker-wire';
import { PulsesError } from '@pulses/shared-errors';

const LINE_FEED = 10;

interface Topic {
  readonly id: number;
  info: TopicInfo;
  readonly batches: RecordBatch[];
}

export class MemoryTopics {
  readonly #topicsMax: number;
  readonly #topics = new Map<string, Topic>();
  readonly #listeners = new Map<string, Set<{ readonly call: () => void }>>();
  readonly #names = new Map<number, string>();
  #incarnations = 0;

  constructor(topicsMax: number) {
    this.#topicsMax = topicsMax;
  }

  info(name: string): TopicInfo | undefined {
    return this.#topics.get(name)?.info;
  }

  /** @throws PulsesError OVERLOADED when the names would make too many topics */
  checkRoom(names: readonly string[]): void {
    const fresh = new Set(names.filter((name) => !this.#topics.has(name)));
    if (fresh.size > 0 && this.#topics.size + fresh.size > this.#topicsMax) throw new PulsesError('OVERLOADED');
  }

  /** @throws PulsesError OFFSET_OUT_OF_RANGE when a position is not within the topic as the commit leaves it */
  checkOffsets({ topic, positions }: CommitRequest, appends: readonly TopicAppend[]): void {
    const { startOffset = 0, nextOffset = 0 } = this.info(topic) ?? {};
    const own = appends.filter((append) => append.topic === topic);
    const end = own.reduce((sum, { recordCount }) => sum + recordCount, nextOffset);
    for (const { offset } of positions) {
      if (offset < startOffset || offset > end) throw new PulsesError('OFFSET_OUT_OF_RANGE');
    }
  }

  /** @throws PulsesError OVERLOADED */
  make(name: string): { info: TopicInfo; isNew: boolean } {
    this.checkRoom([name]);
    const isNew = !this.#topics.has(name);
    return { info: this.#topicFor(name).info, isNew };
  }

  /** No name means all. */
  delete(names: readonly string[]): string[] {
    return (names.length === 0 ? [...this.#topics.keys()] : names).filter((name) => {
      this.#names.delete(this.#topics.get(name)?.id ?? 0);
      return this.#topics.delete(name);
    });
  }

  /** Undefined when no topic has the id. */
  nameOf(id: number): string | undefined {
    return this.#names.get(id);
  }

  /** The topic is made when it does not exist. */
  idOf(name: string): number {
    return this.#topicFor(name).id;
  }

  /** Answers the offset of the first message. */
  append({ topic: name, recordCount, payload, payloadCrc }: TopicAppend, timestampMs: number): number {
    const topic = this.#topicFor(name);
    const baseOffset = topic.info.nextOffset;
    topic.batches.push({ baseOffset, recordCount, timestampMs, payload: Uint8Array.from(payload), payloadCrc });
    topic.info = {
      ...topic.info,
      nextOffset: baseOffset + recordCount,
      bytes: topic.info.bytes + payload.length,
      firstTimestampMs: topic.batches.length === 1 ? timestampMs : topic.info.firstTimestampMs,
      lastTimestampMs: timestampMs,
    };
    return baseOffset;
  }

  list({ prefix, after, limit }: { prefix: string; after: string; limit: number }): {
    topics: TopicInfo[];
    more: boolean;
  } {
    const found = [...this.#topics.values()]
      .map(({ info }) => ({ info, bytes: Buffer.from(info.topic) }))
      .filter(({ info, bytes }) => info.topic.startsWith(prefix) && bytes.compare(Buffer.from(after)) > 0)
      .sort((left, right) => left.bytes.compare(right.bytes));
    return { topics: found.slice(0, limit).map(({ info }) => info), more: found.length > limit };
  }

  /** @throws PulsesError TOPIC_UNKNOWN, OFFSET_OUT_OF_RANGE */
  read(name: string, incarnation: Incarnation, fromOffset: number, bytesMax: number): RecordBatch[] {
    const topic = this.#topics.get(name);
    if (topic?.info.incarnation !== incarnation) throw new PulsesError('TOPIC_UNKNOWN');
    const { startOffset, nextOffset } = topic.info;
    if (!Number.isSafeInteger(fromOffset) || fromOffset < startOffset || fromOffset > nextOffset) {
      throw new PulsesError('OFFSET_OUT_OF_RANGE');
    }
    const found: RecordBatch[] = [];
    let room = bytesMax;
    for (const batch of topic.batches) {
      if (batch.baseOffset + batch.recordCount <= fromOffset) continue;
      const rest = batchFrom(batch, Math.max(fromOffset, batch.baseOffset));
      const part = batchUpTo(rest, room, found.length === 0);
      if (part === undefined) break;
      found.push(part);
      room -= part.payload.length;
      if (part.recordCount < rest.recordCount) break;
    }
    return found;
  }

  /** Every topic with an id from `topicId` on, in the order of ids. */
  from(topicId: number): { id: number; info: TopicInfo }[] {
    return [...this.#topics.values()].filter(({ id }) => id >= topicId).sort((left, right) => left.id - right.id);
  }

  onChange(topic: string, call: () => void): () => void {
    // Wrapped, so that one function may be added twice and ended once.
    const entry = { call };
    const entries = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, entries.add(entry));
    return () => entries.delete(entry);
  }

  wake(names: readonly string[]): void {
    for (const name of new Set(names)) for (const { call } of [...(this.#listeners.get(name) ?? [])]) call();
  }

  #topicFor(name: string): Topic {
    const known = this.#topics.get(name);
    if (known !== undefined) return known;
    this.#incarnations += 1;
    const info: TopicInfo = {
      topic: name,
      incarnation: this.#incarnations.toString(16).padStart(8, '0').padEnd(32, '0'),
      startOffset: 0,
      nextOffset: 0,
      bytes: 0,
      firstTimestampMs: 0,
      lastTimestampMs: 0,
    };
    const topic = { id: this.#incarnations, info, batches: [] };
    this.#topics.set(name, topic);
    this.#names.set(topic.id, name);
    return topic;
  }
}

function batchFrom(batch: RecordBatch, offset: number): RecordBatch {
  const skipped = offset - batch.baseOffset;
  if (skipped === 0) return batch;
  const payload = batch.payload.subarray(skipRecords(batch.payload, skipped));
  return { baseOffset: offset, recordCount: batch.recordCount - skipped, timestampMs: batch.timestampMs, payload };
}

/** The messages of the batch that fit, at least one when `atLeastOne`; undefined when there is none. */
function batchUpTo(batch: RecordBatch, bytesMax: number, atLeastOne: boolean): RecordBatch | undefined {
  if (batch.payload.length <= bytesMax) return batch;
  let recordCount = 0;
  let length = 0;
  while (recordCount < batch.recordCount) {
    const end = batch.payload.indexOf(LINE_FEED, length) + 1;
    if (end > bytesMax && !(atLeastOne && recordCount === 0)) break;
    length = end;
    recordCount += 1;
  }
  if (recordCount === 0) return undefined;
  return { ...batch, recordCount, payload: batch.payload.subarray(0, length), payloadCrc: undefined };
}
