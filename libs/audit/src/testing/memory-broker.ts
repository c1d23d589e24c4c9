// A broker in memory, as far as the commands that only look need one.

import type { StoredPosition, TopicInfo } from '@pulses/broker-wire';
import type { FetchEvent } from '@pulses/broker-client';
import type { AuditedBroker } from '../compare/scope';

export interface MemoryRecord {
  readonly line: Buffer;
  readonly timestampMs: number;
}

export interface MemoryTopic {
  readonly incarnation: string;
  /** Of the first record. */
  startOffset: number;
  readonly records: MemoryRecord[];
}

export interface MemoryBroker extends AuditedBroker {
  readonly topics: Map<string, MemoryTopic>;
  positions: StoredPosition[];
  /** The topic, made when it does not exist. */
  topic(name: string): MemoryTopic;
}

const BATCH_RECORDS_MAX = 7;

export function createMemoryBroker(): MemoryBroker {
  const topics = new Map<string, MemoryTopic>();
  const broker: MemoryBroker = {
    topics,
    positions: [],
    topic(name) {
      let topic = topics.get(name);
      if (topic === undefined) {
        topic = { incarnation: String(topics.size + 1).padStart(32, '0'), startOffset: 0, records: [] };
        topics.set(name, topic);
      }
      return topic;
    },
    listTopics: (prefix) =>
      Promise.resolve(
        [...topics].filter(([name]) => name.startsWith(prefix)).map(([name, topic]) => infoOf(name, topic)),
      ),
    readPositions: (group, topic) =>
      Promise.resolve(
        broker.positions.filter(
          (position) => ['', position.group].includes(group) && ['', position.topic].includes(topic),
        ),
      ),
    listGroups: () =>
      Promise.resolve(
        [...new Set(broker.positions.map(({ group }) => group))].map((group) => ({ group, epoch: 1, sources: [] })),
      ),
    fetch(name, _incarnation, fromOffset) {
      const topic = broker.topic(name);
      let next = fromOffset;
      let headDue = true;
      return {
        async nextAll() {
          return [await this.next()];
        },
        next() {
          // A head before everything else: the broker may send one whenever it has sent all.
          if (headDue) {
            headDue = false;
            return Promise.resolve<FetchEvent>({ kind: 'head', nextOffset: next, clockMs: 0 });
          }
          const batch = batchAt(topic, next);
          next += batch.recordCount;
          return Promise.resolve<FetchEvent>({ kind: 'records', batch });
        },
        close: () => undefined,
      };
    },
  };
  return broker;
}

function infoOf(name: string, { incarnation, startOffset, records }: MemoryTopic): TopicInfo {
  return {
    topic: name,
    incarnation,
    startOffset,
    nextOffset: startOffset + records.length,
    bytes: records.reduce((bytes, { line }) => bytes + line.byteLength + 1, 0),
    firstTimestampMs: records[0]?.timestampMs ?? 0,
    lastTimestampMs: records.at(-1)?.timestampMs ?? 0,
  };
}

/** A run of records with one timestamp. */
function batchAt({ startOffset, records }: MemoryTopic, offset: number) {
  const rest = records.slice(offset - startOffset, offset - startOffset + BATCH_RECORDS_MAX);
  const first = rest[0];
  if (first === undefined) throw new RangeError(`nothing at offset ${offset}`);
  const end = rest.findIndex(({ timestampMs }) => timestampMs !== first.timestampMs);
  const run = end < 0 ? rest : rest.slice(0, end);
  return {
    baseOffset: offset,
    recordCount: run.length,
    timestampMs: first.timestampMs,
    payload: Buffer.concat(run.flatMap(({ line }) => [line, Buffer.from('\n')])),
  };
}
