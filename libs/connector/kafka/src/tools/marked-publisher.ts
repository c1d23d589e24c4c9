// Publishes messages with the positions that mark them, in one transaction.
//
// Guarantees: messages and marks become visible in one step. A newer publisher of the partition fences this one. A mark whose
// copy is stored outlives `offsets.retention.minutes`: see redriven-mark.ts and mark-copy.ts.

import type { GroupPosition, MarkedPublisher, MarkedPublisherOptions } from '@pulses/connector-api';
import type { Clock, Random } from '@pulses/shared-ports';
import type { Cluster } from '../protocol/cluster';
import { commitKeptOffset, fetchOffsets } from '../protocol/offset-requests';
import type { Compression } from '../records/compression';
import { KafkaTransactionRequests } from '../transaction/kafka-transaction-requests';
import { Transactions, type TransactionWork } from '../transaction/transactions';
import { KeyedBatches } from './keyed-batches';
import { copyMark, type MarkStore } from './mark-copy';
import { keptMarkGroup, markGroup } from './redriven-mark';

const TRANSACTIONS = 'pulses.marks.';
const TIMEOUT_MS = 15_000;
/** Of the feature `transaction.version`: KIP-890. */
const TRANSACTION_LEVEL = 2;
/** Marks are committed by no member. */
const NO_MEMBERSHIP = {
  group: '',
  identity: () => ({ memberId: '', generation: -1 }),
  rebalanced: () => Promise.reject(new TypeError('marks have no members')),
};

export interface KafkaMarkingOptions extends MarkedPublisherOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly random: Random;
  readonly compression: Compression;
  /** Of the topic of the messages. */
  readonly partitionCount: number;
  /** The marks of a partition as they are now. */
  readPositions(): Promise<readonly GroupPosition[]>;
}

/** @throws PulsesError */
export async function openKafkaMarkedPublisher(options: KafkaMarkingOptions): Promise<MarkedPublisher> {
  const { cluster, clock, random, compression, partitionCount, group, marked, topic, keyOf, readPositions } = options;
  const { topic: markedTopic, partition = 0 } = marked;
  const transactions = new Transactions(
    new KafkaTransactionRequests({
      cluster,
      clock,
      random,
      transactionalId: `${TRANSACTIONS}${group}.${markedTopic}.${partition}`,
      version: (await cluster.featureLevel('transaction.version')) >= TRANSACTION_LEVEL ? 2 : 1,
      membership: NO_MEMBERSHIP,
      timeoutMs: TIMEOUT_MS,
      lane: `commit-${partition}`,
    }),
  );
  await transactions.start();
  const keyed = new KeyedBatches(partitionCount, keyOf);
  const batchesOf = (payload: Uint8Array, number: Parameters<TransactionWork['batches']>[0]) => {
    keyed.add(payload);
    const rounds: { topic: string; partition: number; batch: Buffer }[][] = [];
    for (const [to, writers] of keyed.take())
      for (const [round, writer] of writers.entries()) {
        const producer = { ...number(topic, to, writer.recordCount), isTransactional: true };
        const batch = writer.finish({ compression, timestampMs: clock.nowMs(), producer });
        (rounds[round] ??= []).push({ topic, partition: to, batch });
      }
    return rounds;
  };
  const keep = async (marks: readonly Pick<GroupPosition, 'name' | 'offset' | 'metadata'>[]) => {
    for (const { name, offset, metadata } of marks) {
      const kept = keptMarkGroup({ group, name });
      const read = async (from: string) =>
        (await cluster.toCoordinator('group', from, fetchOffsets(from, markedTopic, [partition]))).get(partition);
      const store: MarkStore = {
        readMark: () => read(markGroup({ group, name })),
        readCopy: () => read(kept),
        writeCopy: (bits) =>
          cluster.toCoordinator('group', kept, commitKeptOffset(kept, { topic: markedTopic, partition, ...bits })),
      };
      await copyMark(store, { offset, metadata });
    }
  };
  const positions = await readPositions();
  await keep(positions);
  return {
    positions,
    async publish(payload, _recordCount, changes) {
      await transactions.run({
        batches: (number) => batchesOf(payload, number),
        offsets: changes.map(({ name, offset, metadata }) => ({
          group: markGroup({ group, name }),
          offsets: [{ topic: markedTopic, partition, offset, metadata }],
        })),
      });
      await keep(changes);
    },
    close: () => transactions.close(),
  };
}
