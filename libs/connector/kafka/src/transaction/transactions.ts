// Runs the transactions of one transactional id, one after another.
//
// Guarantees: `run` resolves once outputs and positions are committed. When it rejects, nothing of this object is sent any
// more, beside the abort of a transaction whose end was not asked for. See transaction-state.ts for what is known then.
// Residual risk of version 1 (before KIP-890): a request that is delayed in the network across the end of its transaction
// can be taken as part of the next one of the same epoch. Version 2 refuses it.

import { PulsesError } from '@pulses/shared-errors';
import { asPulsesError } from '../protocol/errors';
import type { ProducedBatch } from '../protocol/produce';
import type { OffsetsOfGroup, ProducerIdentity } from '../protocol/transaction-requests';
import { advance, type TransactionEvent, type TransactionState } from './transaction-state';

/** The requests of one transactional id. Each repeats itself, as far as that changes nothing, before it rejects. */
export interface TransactionRequests {
  /** Fences every earlier holder, and ends its open transaction. */
  identify(): Promise<ProducerIdentity>;
  /** Sends batches, at most one of a partition. */
  produce(producer: ProducerIdentity, batches: readonly ProducedBatch[]): Promise<void>;
  commitOffsets(producer: ProducerIdentity, offsets: OffsetsOfGroup): Promise<void>;
  /** Answers the identity of the next transaction. */
  end(producer: ProducerIdentity, isCommit: boolean): Promise<ProducerIdentity>;
}

/** Identity and first sequence number of a batch. */
export type NumberBatch = (
  topic: string,
  partition: number,
  recordCount: number,
) => ProducerIdentity & { readonly sequence: number };

/** What becomes visible in one step. */
export interface TransactionWork {
  /** The batches, as rounds: each has at most one batch of a partition, and they are sent in order. */
  batches(number: NumberBatch): readonly (readonly ProducedBatch[])[];
  readonly offsets: readonly OffsetsOfGroup[];
}

export class Transactions {
  readonly #requests: TransactionRequests;
  #state: TransactionState = { kind: 'unidentified' };

  constructor(requests: TransactionRequests) {
    this.#requests = requests;
  }

  get state(): TransactionState {
    return this.#state;
  }

  /** Takes over the transactional id. Call once, first. @throws PulsesError */
  async start(): Promise<void> {
    await this.#guard(async () => {
      this.#advance({ kind: 'identified', producer: await this.#requests.identify() });
    });
  }

  /** Commits the work. One call at a time. @throws PulsesError */
  async run({ batches, offsets }: TransactionWork): Promise<void> {
    await this.#guard(async () => {
      this.#advance({ kind: 'begun' });
      const producer = this.#producer();
      const rounds = batches((topic, partition, recordCount) => this.#number(`${topic}/${partition}`, recordCount));
      await everyOf([
        this.#produce(producer, rounds),
        ...offsets.map((ofGroup) => this.#requests.commitOffsets(producer, ofGroup)),
      ]);
      this.#advance({ kind: 'stored' });
      this.#advance({ kind: 'ended', producer: await this.#requests.end(producer, true) });
    });
  }

  /** Sends nothing any more. Aborts a transaction whose end was not asked for; waits for the answer. */
  async close(): Promise<void> {
    await this.#fail(new PulsesError('CONNECTION_LOST', 'the session was closed'));
  }

  async #produce(producer: ProducerIdentity, rounds: readonly (readonly ProducedBatch[])[]): Promise<void> {
    for (const round of rounds) {
      if (this.#state.kind === 'over') throw this.#state.error;
      await this.#requests.produce(producer, round);
    }
  }

  #number(partition: string, recordCount: number): ProducerIdentity & { readonly sequence: number } {
    const sequence = this.#state.kind === 'open' ? (this.#state.sequences.get(partition) ?? 0) : 0;
    this.#advance({ kind: 'numbered', partition, recordCount });
    return { ...this.#producer(), sequence };
  }

  #producer(): ProducerIdentity {
    if (this.#state.kind === 'over') throw this.#state.error;
    if (this.#state.kind === 'unidentified') throw new TypeError('start the transactions first');
    return this.#state.producer;
  }

  #advance(event: TransactionEvent): void {
    if (this.#state.kind === 'over') throw this.#state.error;
    this.#state = advance(this.#state, event);
  }

  async #guard(step: () => Promise<void>): Promise<void> {
    if (this.#state.kind === 'over') throw this.#state.error;
    try {
      await step();
    } catch (error) {
      if (error instanceof TypeError) throw error;
      throw await this.#fail(asPulsesError(error));
    }
  }

  /** Answers the first failure. */
  async #fail(error: PulsesError): Promise<PulsesError> {
    const before = this.#state;
    this.#state = advance(before, { kind: 'failed', error });
    // Readers of committed messages wait for the end of an open transaction. Without an answer the next holder aborts it.
    if (before.kind === 'open') await this.#requests.end(before.producer, false).catch(() => undefined);
    return this.#state.kind === 'over' ? this.#state.error : error;
  }
}

/** Waits for all, so that nothing is under way when one has failed. @throws the first failure */
async function everyOf(steps: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(steps);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
