// A message system in memory, as far as the commands that only look need one.

import type {
  GroupInfo,
  GroupPosition,
  OutputBatch,
  PartitionInfo,
  StoredBatch,
  TopicReader,
} from '@pulses/connector-api';
import { topicKindOf } from '@pulses/shared-pulse-model';

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

export interface MemoryBroker extends TopicReader {
  readonly stored: Map<string, MemoryTopic>;
  storedPositions: GroupPosition[];
  /** The topic, made when it does not exist. */
  topic(name: string): MemoryTopic;
}

const BATCH_RECORDS_MAX = 7;

/** @param batchRecordsMax messages of a batch, at most */
export function createMemoryBroker(batchRecordsMax = BATCH_RECORDS_MAX): MemoryBroker {
  const stored = new Map<string, MemoryTopic>();
  const infos = (isWanted: (name: string) => boolean) =>
    Promise.resolve([...stored].filter(([name]) => isWanted(name)).map(([name, topic]) => infoOf(name, topic)));
  const broker: MemoryBroker = {
    stored,
    storedPositions: [],
    topic(name) {
      let topic = stored.get(name);
      if (topic === undefined) {
        topic = {
          incarnation: (stored.size + 1).toString(16).padStart(8, '0').padEnd(32, '0'),
          startOffset: 0,
          records: [],
        };
        stored.set(name, topic);
      }
      return topic;
    },
    topics: (prefix) => infos((name) => name.startsWith(prefix)),
    partitions: (topic) => infos((name) => name === topic),
    outputs: async () =>
      (await infos(() => true)).flatMap((info) => {
        const kind = topicKindOf(info.topic);
        return kind === 'grouped' || kind === 'aggregated' ? [{ ...info, kind }] : [];
      }),
    read: ({ topic }, { fromOffset, untilOffset }) =>
      batchesOf(broker.topic(topic), fromOffset, untilOffset, batchRecordsMax),
    readOutputs: (partitions) => inTurns(partitions, broker, batchRecordsMax),
    positions: (topic) =>
      Promise.resolve(broker.storedPositions.filter((position) => ['', position.topic].includes(topic))),
    groups: () =>
      Promise.resolve(
        [...new Set(broker.storedPositions.map(({ group }) => group))].map((group): GroupInfo => ({
          group,
          epoch: 1,
          sources: [],
        })),
      ),
    groupOf: (group, sourceTopic) => `${group}@${sourceTopic}`,
  };
  return broker;
}

async function* batchesOf(
  topic: MemoryTopic,
  fromOffset: number,
  untilOffset: number,
  recordsMax: number,
): AsyncGenerator<readonly StoredBatch[], void> {
  for (let next = fromOffset; next < untilOffset;) {
    const batch = batchAt(topic, next, Math.min(recordsMax, untilOffset - next));
    next += batch.recordCount;
    yield await Promise.resolve([batch]);
  }
}

/** A batch of each topic, then another of each. */
async function* inTurns(
  partitions: readonly PartitionInfo[],
  broker: MemoryBroker,
  recordsMax: number,
): AsyncGenerator<readonly OutputBatch[], void> {
  const open = partitions.map((topic) => ({
    topic,
    batches: batchesOf(broker.topic(topic.topic), topic.startOffset, topic.nextOffset, recordsMax),
  }));
  while (open.length > 0) {
    const some: OutputBatch[] = [];
    for (const reading of [...open]) {
      const { done, value } = await reading.batches.next();
      if (done === true) open.splice(open.indexOf(reading), 1);
      else some.push(...value.map((batch) => ({ topic: reading.topic, batch })));
    }
    yield some;
  }
}

function infoOf(name: string, { incarnation, startOffset, records }: MemoryTopic): PartitionInfo {
  return { topic: name, incarnation, startOffset, nextOffset: startOffset + records.length };
}

/** A run of records with one timestamp. */
function batchAt({ startOffset, records }: MemoryTopic, offset: number, recordsMax: number): StoredBatch {
  const rest = records.slice(offset - startOffset, offset - startOffset + recordsMax);
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
