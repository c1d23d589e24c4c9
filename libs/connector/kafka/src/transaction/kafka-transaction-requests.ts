// The requests of a transactional id to a real cluster, in the version that the cluster has.
//
// Guarantees: what a broker refuses for the moment is repeated. A lost answer rejects: the session ends, and the next one
// reads back what is stored.

import { withTimeout } from '@pulses/shared-async';
import { PulsesError } from '@pulses/shared-errors';
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
  NO_MEMBER,
  type CommittingMember,
  type OffsetsOfGroup,
  type ProducerIdentity,
  type TransactionVersion,
} from '../protocol/transaction-requests';
import type { Membership } from '../group/membership';
import { isStaleMember } from '../protocol/errors';
import type { TransactionRequests } from './transactions';

/** A commit that meets more of them in a row is refused. */
const REBALANCES_MAX = 3;
const ABORT_MS_MAX = 2_000;

export interface KafkaTransactionOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly random: Random;
  readonly transactionalId: string;
  readonly version: TransactionVersion;
  /** Whose positions are committed; those of other groups are committed without a member. */
  readonly membership: Pick<Membership, 'group' | 'identity' | 'rebalanced'>;
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
    const commit = async (member: CommittingMember) => {
      const ask = commitOffsets(version, transactionalId, producer, offsets, member);
      await cluster.toCoordinator('group', group, ask, { lane, repeatsLost: false });
    };
    const { membership } = this.#options;
    if (group === membership.group) await this.#asMember(commit);
    else await commit(NO_MEMBER);
  }

  /** During a rebalance the coordinator knows the next generation before this member does. */
  async #asMember(commit: (member: CommittingMember) => Promise<void>): Promise<void> {
    const { membership } = this.#options;
    let identity = membership.identity();
    for (let rebalances = 0; ; rebalances += 1)
      try {
        await commit(identity);
        return;
      } catch (error) {
        if (!isStaleMember(error) || rebalances >= REBALANCES_MAX) throw error;
        identity = await membership.rebalanced(identity);
      }
  }

  async end(producer: ProducerIdentity, isCommit: boolean): Promise<ProducerIdentity> {
    const { transactionalId, version } = this.#options;
    this.#added.clear();
    const ended = this.#toCoordinator(endTransaction(version, transactionalId, producer, isCommit));
    if (isCommit) return await ended;
    // A stop does not wait for a coordinator that hangs; the next holder aborts what is left open.
    const aborted = await withTimeout(ended, ABORT_MS_MAX, this.#options.clock);
    if (aborted === undefined) throw new PulsesError('TIMED_OUT', 'the coordinator did not abort in time');
    return aborted;
  }

  #toCoordinator<Answer>(ask: Ask<Answer>): Promise<Answer> {
    const { cluster, transactionalId, lane } = this.#options;
    return cluster.toCoordinator('transaction', transactionalId, ask, { lane, repeatsLost: false });
  }
}
