// A broker in memory, as far as the commands that only look need one.

import { payloadOf, topicIdOf, type StoredPosition, type TopicInfo } from '@pulses/broker-wire';
import type { BrokerReader, FetchEvent } from '@pulses/broker-client';
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

type Scanned = Awaited<ReturnType<BrokerReader['scan']>>;

const BATCH_RECORDS_MAX = 7;

export function createMemoryBroker(): MemoryBroker {
  const topics = new Map<string, MemoryTopic>();
  const broker: MemoryBroker = {
    topics,
    positions: [],
    topic(name) {
      let topic = topics.get(name);
      if (topic === undefined) {
        topic = {
          incarnation: (topics.size + 1).toString(16).padStart(8, '0').padEnd(32, '0'),
          startOffset: 0,
          records: [],
        };
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
    scan: (_like, { offset }) => Promise.resolve(scanned([...topics.values()], offset, BATCH_RECORDS_MAX)),
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

/** An answer has a row of each topic, whatever its kind: a client drops what it did not ask for. */
export function scanned(topics: readonly MemoryTopic[], round: number, recordsMax: number): Scanned {
  const rows = topics
    .map(({ incarnation, startOffset, records }) => ({
      topicId: topicIdOf(incarnation),
      baseOffset: startOffset + round * recordsMax,
      lines: records.slice(round * recordsMax).slice(0, recordsMax),
    }))
    .filter(({ lines }) => lines.length > 0)
    .map((row) => ({ ...row, bytes: Buffer.concat(row.lines.flatMap(({ line }) => [line, Buffer.from('\n')])) }));
  return {
    type: 'scanned',
    topicIds: Uint32Array.from(rows, ({ topicId }) => topicId),
    baseOffsets: rows.map(({ baseOffset }) => baseOffset),
    counts: Uint32Array.from(rows, ({ lines }) => lines.length),
    lengths: Uint32Array.from(rows, ({ bytes }) => bytes.length),
    next: { lsn: 0, topicId: 0, offset: round + 1 },
    more: rows.length > 0,
    ...payloadOf(Buffer.concat(rows.map(({ bytes }) => bytes))),
  };
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
