// A system of partitions that tenants share, made of one that gives each tenant a topic.
//
//   source.pulses/N                       partition N of source.pulses
//   tenants.<tenant>.grouped.pulses       tenants.grouped.pulses, where lines of tenants alternate
//   tenants.<tenant>.aggregated.…         the same

import type { OutputBatch, OutputInfo, PartitionInfo, StoredBatch } from '@pulses/connector-api';
import type { MemoryBroker, MemoryRecord } from './memory-broker';
import { SOURCE } from './written-system';

const SHARED = { grouped: 'tenants.grouped.pulses', aggregated: 'tenants.aggregated.pulses.amount' } as const;
const KINDS = ['grouped', 'aggregated'] as const;

/** A source partition of the broker below is a topic of its own; an output topic stays a tenant's name. */
export function sharedBroker(broker: MemoryBroker): MemoryBroker {
  const sourcePartitions = async () =>
    (await broker.topics(`${SOURCE}/`)).map((info): PartitionInfo => {
      const partition = Number(info.topic.slice(SOURCE.length + 1));
      return { ...info, topic: SOURCE, partition };
    });
  const outputs = () =>
    Promise.resolve(
      KINDS.map((kind): OutputInfo => {
        const linesOf = (name: string) => broker.stored.get(name)?.records.length ?? 0;
        const nextOffset = namesOf(broker, kind).reduce((sum, name) => sum + linesOf(name), 0);
        return {
          topic: SHARED[kind],
          partition: 0,
          incarnation: kind,
          isShared: true,
          kind,
          startOffset: 0,
          nextOffset,
        };
      }),
    );
  return {
    ...broker,
    async partitions(topic) {
      if (topic === SOURCE) return await sourcePartitions();
      const kind = KINDS.find((one) => topic.includes(`.${one}.`));
      if (kind === undefined) return (await broker.partitions(topic)).map((info) => ({ ...info, partition: 0 }));
      return (await outputs()).flatMap((info) => (info.kind === kind ? [{ ...info, topic, isShared: false }] : []));
    },
    outputs,
    read(partition, range) {
      if (partition.topic === SOURCE)
        return broker.read({ ...partition, topic: `${SOURCE}/${partition.partition}` }, range);
      const { records } = broker.topic(partition.topic);
      const untilOffset = Math.min(range.untilOffset, records.length);
      return broker.read({ ...partition, incarnation: '' }, { ...range, untilOffset });
    },
    readOutputs: (partitions) => readShared(broker, partitions as readonly OutputInfo[]),
  };
}

function namesOf(broker: MemoryBroker, kind: OutputInfo['kind']): string[] {
  return [...broker.stored.keys()].filter((name) => name.includes(`.${kind}.`));
}

/** One line of each tenant, then another of each. */
async function* readShared(
  broker: MemoryBroker,
  partitions: readonly OutputInfo[],
): AsyncGenerator<readonly OutputBatch[], void> {
  for (const info of partitions) {
    const names = info.isShared === true ? namesOf(broker, info.kind) : [info.topic];
    for (let index = 0; ; index += 1) {
      const some = names.flatMap((topic): OutputBatch[] => {
        const record = broker.stored.get(topic)?.records[index];
        return record === undefined ? [] : [{ topic: { ...info, topic }, batch: batchOf(record, index) }];
      });
      if (some.length === 0) break;
      yield await Promise.resolve(some);
    }
  }
}

function batchOf({ line, timestampMs }: MemoryRecord, baseOffset: number): StoredBatch {
  return { baseOffset, recordCount: 1, timestampMs, payload: Buffer.concat([line, Buffer.from('\n')]) };
}
