// The requests of a transactional id to a real cluster, in the version that the cluster has.

import type { Clock, Random } from '@pulses/shared-ports';
import type { Ask, Cluster, Lane } from '../protocol/cluster';
import type { ProducedBatch } from '../protocol/produce';
import { produceToLeaders } from '../protocol/produce-to-leaders';
import {
  addOffsets,
  addPartitions,
  commitOffsets,
  endTransaction,
  initProducerId,
  type OffsetsOfGroup,
  type ProducerIdentity,
  type TransactionVersion,
} from '../protocol/transaction-requests';
import type { TransactionRequests } from './transactions';

export interface KafkaTransactionOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly random: Random;
  readonly transactionalId: string;
  readonly version: TransactionVersion;
  /** A transaction that takes longer is aborted by its coordinator. */
  readonly timeoutMs: number;
  readonly lane: Lane;
}

export class KafkaTransactionRequests implements TransactionRequests {
  readonly #options: KafkaTransactionOptions;
  /** Partitions and groups that version 1 has added to the open transaction. */
  readonly #added = new Set<string>();

  constructor(options: KafkaTransactionOptions) {
    this.#options = options;
  }

  identify(): Promise<ProducerIdentity> {
    const { transactionalId, timeoutMs } = this.#options;
    return this.#toCoordinator(initProducerId(transactionalId, timeoutMs));
  }

  async produce(producer: ProducerIdentity, batches: readonly ProducedBatch[]): Promise<void> {
    const { cluster, clock, random, transactionalId, version, timeoutMs, lane } = this.#options;
    if (version === 1) {
      const fresh = batches.filter(({ topic, partition }) => !this.#added.has(`${topic}/${partition}`));
      if (fresh.length > 0) await this.#toCoordinator(addPartitions(transactionalId, producer, fresh));
      for (const { topic, partition } of fresh) this.#added.add(`${topic}/${partition}`);
    }
    const options = { transactionalId, version: version === 1 ? 9 : 12, timeoutMs } as const;
    await produceToLeaders({ cluster, clock, random, lane }, batches, options);
  }

  async commitOffsets(producer: ProducerIdentity, offsets: OffsetsOfGroup): Promise<void> {
    const { cluster, transactionalId, version, lane } = this.#options;
    const { group } = offsets;
    if (version === 1 && !this.#added.has(`group ${group}`)) {
      await this.#toCoordinator(addOffsets(transactionalId, producer, group));
      this.#added.add(`group ${group}`);
    }
    await cluster.toCoordinator('group', group, commitOffsets(version, transactionalId, producer, offsets), { lane });
  }

  async end(producer: ProducerIdentity, isCommit: boolean): Promise<ProducerIdentity> {
    const { transactionalId, version } = this.#options;
    this.#added.clear();
    return await this.#toCoordinator(endTransaction(version, transactionalId, producer, isCommit));
  }

  #toCoordinator<Answer>(ask: Ask<Answer>): Promise<Answer> {
    const { cluster, transactionalId, lane } = this.#options;
    return cluster.toCoordinator('transaction', transactionalId, ask, { lane });
  }
}
