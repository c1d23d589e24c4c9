// A BrokerLog in memory, whose disk a test can hold, fill and break.
//
// It keeps the promises of the interface and nothing else: what is sequenced becomes durable, in order, one turn of
// the event loop later, or when the test says so. `leaksHeadClock` puts in a fault: a clock that runs ahead of
// messages which are sequenced and not yet durable.

import type { AppendResult, BrokerLog, CommitRequest } from '@pulses/broker-log-api';
import type { ProducerStamp, RecordBatch, StoredPosition, TopicAppend, TopicInfo } from '@pulses/broker-wire';
import { skipRecords } from '@pulses/broker-wire';
import { PulsesError } from '@pulses/shared-errors';
import type { Clock } from '@pulses/shared-ports';

export interface MemoryLog extends BrokerLog {
  /** Sequenced changes stay invisible and unanswered until `release`. */
  holdDisk(): void;
  releaseDisk(): void;
  /** Every append and commit is refused with this until it is called with undefined. */
  refuseWith(error: PulsesError | undefined): void;
  /** Payload bytes handed out by `read`. */
  readonly bytesRead: number;
  /** False, until a test says otherwise. */
  isCommitting: boolean;
  /** Changes sequenced and not yet durable. */
  readonly pendingCount: number;
}

interface Topic {
  info: TopicInfo;
  /** With what is sequenced and not yet durable. */
  sequencedOffset: number;
  readonly batches: RecordBatch[];
}

interface Pending {
  readonly timestampMs: number;
  apply(): void;
}

export function createMemoryLog(clock: Clock, options: { leaksHeadClock?: boolean } = {}): MemoryLog {
  const topics = new Map<string, Topic>();
  const listeners = new Map<string, Set<() => void>>();
  const epochs = new Map<string, number>();
  const producers = new Map<string, { epoch: number; results: AppendResult[] }>();
  const positions = new Map<string, StoredPosition>();
  const pending: Pending[] = [];
  let refusal: PulsesError | undefined;
  let isHeld = false;
  let isScheduled = false;
  let lastMs = 0;
  let incarnations = 0;
  let bytesRead = 0;

  const sequenceMs = (): number => (lastMs = Math.max(lastMs, clock.nowMs()));

  const flush = (): void => {
    isScheduled = false;
    while (!isHeld && pending.length > 0) pending.shift()?.apply();
  };

  const enqueue = <T>(apply: (timestampMs: number) => T): Promise<T> =>
    new Promise((resolve) => {
      const timestampMs = sequenceMs();
      pending.push({
        timestampMs,
        apply: () => {
          resolve(apply(timestampMs));
        },
      });
      if (!isScheduled) {
        isScheduled = true;
        setImmediate(flush);
      }
    });

  const wake = (topic: string): void => {
    for (const listener of [...(listeners.get(topic) ?? [])]) listener();
  };

  const topicFor = (name: string): Topic => {
    let topic = topics.get(name);
    if (topic === undefined) {
      incarnations += 1;
      const incarnation = incarnations.toString(16).padStart(32, '0');
      topic = {
        info: {
          topic: name,
          incarnation,
          startOffset: 0,
          nextOffset: 0,
          bytes: 0,
          firstTimestampMs: 0,
          lastTimestampMs: 0,
        },
        sequencedOffset: 0,
        batches: [],
      };
      topics.set(name, topic);
    }
    return topic;
  };

  const store = ({ topic: name, recordCount, payload }: TopicAppend, timestampMs: number): number => {
    const topic = topicFor(name);
    const baseOffset = topic.info.nextOffset;
    topic.batches.push({ baseOffset, recordCount, timestampMs, payload: Uint8Array.from(payload) });
    const firstTimestampMs = topic.batches.length === 1 ? timestampMs : topic.info.firstTimestampMs;
    topic.info = {
      ...topic.info,
      nextOffset: baseOffset + recordCount,
      bytes: topic.info.bytes + payload.length,
      firstTimestampMs,
      lastTimestampMs: timestampMs,
    };
    wake(name);
    return baseOffset;
  };

  const refused = (): Promise<never> | undefined => (refusal === undefined ? undefined : Promise.reject(refusal));

  const append = (request: TopicAppend, producer?: ProducerStamp): Promise<AppendResult> =>
    refused() ??
    enqueue((timestampMs) => {
      if (producer === undefined) return { baseOffset: store(request, timestampMs), timestampMs, duplicate: false };
      const known = producers.get(producer.id) ?? { epoch: producer.epoch, results: [] };
      producers.set(producer.id, known);
      const first = known.results[producer.sequence];
      if (first !== undefined) return { ...first, duplicate: true };
      if (producer.sequence > known.results.length) throw new Error('a sequence gap in a test that has none');
      const result = { baseOffset: store(request, timestampMs), timestampMs, duplicate: false };
      known.results.push(result);
      return result;
    });

  const commit = (request: CommitRequest): Promise<{ timestampMs: number }> =>
    refused() ??
    enqueue((timestampMs) => {
      const { group, topic, incarnation } = request;
      for (const one of request.appends) store(one, timestampMs);
      for (const { name, expectedRevision, offset, metadata } of request.positions) {
        const revision = expectedRevision + 1;
        positions.set(`${group} ${topic} ${name}`, { group, topic, incarnation, name, offset, revision, metadata });
      }
      return { timestampMs };
    });

  return {
    append,
    commit,
    createTopic: (name) =>
      enqueue(() => {
        const { info } = topicFor(name);
        wake(name);
        return info;
      }),
    deleteTopics: (names) =>
      enqueue(() => {
        const found = (names.length === 0 ? [...topics.keys()] : names).filter((name) => topics.delete(name));
        found.forEach(wake);
        return found;
      }),
    advanceGroupEpoch: (group) =>
      refused() ??
      enqueue(() => {
        const epoch = (epochs.get(group) ?? 0) + 1;
        epochs.set(group, epoch);
        return epoch;
      }),
    retireProducer: (id) =>
      enqueue(() => {
        producers.delete(id);
      }),
    topic: (name) => topics.get(name)?.info,
    topics: ({ prefix, after, limit }) => {
      const names = [...topics.keys()].filter((name) => name.startsWith(prefix) && name > after).sort();
      return { topics: names.slice(0, limit).map((name) => topicFor(name).info), more: names.length > limit };
    },
    positions: (group, topic) =>
      enqueue(() =>
        [...positions.values()].filter(
          (one) => (group === '' || one.group === group) && (topic === '' || one.topic === topic),
        ),
      ),
    read: (name, incarnation, fromOffset, bytesMax) => {
      const topic = topics.get(name);
      if (topic?.info.incarnation !== incarnation) return Promise.reject(new PulsesError('TOPIC_UNKNOWN'));
      const batches: RecordBatch[] = [];
      let room = bytesMax;
      for (const batch of topic.batches) {
        const skipped = Math.max(0, fromOffset - batch.baseOffset);
        if (skipped >= batch.recordCount) continue;
        const payload = batch.payload.subarray(skipRecords(batch.payload, skipped));
        if (batches.length > 0 && payload.length > room) break;
        batches.push({
          ...batch,
          baseOffset: batch.baseOffset + skipped,
          recordCount: batch.recordCount - skipped,
          payload,
        });
        room -= payload.length;
        bytesRead += payload.length;
        if (room <= 0) break;
      }
      return Promise.resolve(batches);
    },
    onChange: (topic, listener) => {
      const entries = listeners.get(topic) ?? new Set();
      listeners.set(topic, entries.add(listener));
      return () => entries.delete(listener);
    },
    isCommitting: false,
    unwrittenBytes: 0,
    clockMs: () => {
      const oldest = pending[0];
      if (oldest !== undefined && options.leaksHeadClock !== true) return oldest.timestampMs;
      return sequenceMs();
    },
    failed: new Promise(() => undefined),
    close: () => Promise.resolve(),
    holdDisk: () => {
      isHeld = true;
    },
    releaseDisk: () => {
      isHeld = false;
      flush();
    },
    refuseWith: (error) => {
      refusal = error;
    },
    get bytesRead() {
      return bytesRead;
    },
    get pendingCount() {
      return pending.length;
    },
  };
}
