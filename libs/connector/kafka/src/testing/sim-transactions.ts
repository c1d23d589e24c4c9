// A transaction coordinator and a log in memory, as KIP-98 and KIP-890 (version 2) describe them.
//
// Requests may be lost, done without an answer, done twice, or done after a later one. A producer's zombie keeps its object.

import { PulsesError } from '@pulses/shared-errors';
import { KAFKA_ERROR, throwOn } from '../protocol/errors';
import type { ProducedBatch } from '../protocol/produce';
import type { OffsetsOfGroup, ProducerIdentity } from '../protocol/transaction-requests';
import type { TransactionRequests } from '../transaction/transactions';

interface Pending {
  readonly records: string[];
  offset: number | undefined;
}

const REPEATS_MAX = 3;

export class SimTransactions {
  /** What a reader of committed messages sees. */
  readonly committed: string[] = [];
  /** The committed position. */
  position = 0;
  /** How many requests were refused because a newer producer has come. */
  fencedCount = 0;
  readonly #fraction: () => number;
  #epoch = -1;
  #pending: Pending | undefined;
  /** How the transaction of the epoch before has ended. */
  #lastEnd: { readonly epoch: number; readonly isCommit: boolean } | undefined;
  /** Next sequence number of each partition in this epoch. */
  #sequences = new Map<string, number>();
  /** Requests that the network still holds. */
  #late: (() => void)[] = [];

  /** @param fraction random numbers below 1 */
  constructor(fraction: () => number) {
    this.#fraction = fraction;
  }

  requests(): TransactionRequests {
    return {
      identify: () => this.#send(() => this.#identify()),
      produce: (producer, batches) =>
        this.#send(() => {
          for (const batch of batches) this.#produce(producer, batch);
        }),
      commitOffsets: (producer, offsets) =>
        this.#send(() => {
          this.#commitOffsets(producer, offsets);
        }),
      end: (producer, isCommit) => this.#send(() => this.#end(producer, isCommit)),
    };
  }

  /** Sends a request over a bad network, again if need be. */
  async #send<Answer>(handle: () => Answer): Promise<Answer> {
    for (let repeats = 0; repeats < REPEATS_MAX; repeats += 1) {
      await Promise.resolve();
      this.#deliverLate();
      const luck = this.#fraction();
      if (luck < 0.05) continue; // lost
      if (luck < 0.08) {
        this.#late.push(handle);
        continue; // on its way for long
      }
      const answer = handle();
      if (luck < 0.11) handle(); // done twice
      if (luck < 0.17) continue; // its answer is lost
      return answer;
    }
    throw new PulsesError('CONNECTION_LOST', 'the network failed three times');
  }

  #deliverLate(): void {
    if (this.#late.length === 0 || this.#fraction() > 0.3) return;
    const late = this.#late;
    this.#late = [];
    for (const handle of late)
      try {
        handle();
      } catch {
        // The answer finds no one.
      }
  }

  #identify(): ProducerIdentity {
    this.#epoch += this.#pending === undefined ? 1 : 2;
    this.#pending = undefined;
    this.#lastEnd = undefined;
    this.#sequences = new Map();
    return { producerId: 1n, epoch: this.#epoch };
  }

  #open({ epoch }: ProducerIdentity): Pending {
    if (epoch !== this.#epoch) {
      this.fencedCount += 1;
      throwOn(KAFKA_ERROR.INVALID_PRODUCER_EPOCH, 'the request was refused');
    }
    this.#pending ??= { records: [], offset: undefined };
    return this.#pending;
  }

  #produce(producer: ProducerIdentity, { topic, partition, batch }: ProducedBatch): void {
    const pending = this.#open(producer);
    const { sequence, records } = JSON.parse(batch.toString()) as { sequence: number; records: string[] };
    const key = `${topic}/${partition}`;
    const next = this.#sequences.get(key) ?? 0;
    if (sequence < next) return; // known
    if (sequence > next) throwOn(KAFKA_ERROR.OUT_OF_ORDER_SEQUENCE_NUMBER, 'the batch was refused');
    this.#sequences.set(key, next + records.length);
    pending.records.push(...records);
  }

  #commitOffsets(producer: ProducerIdentity, { offsets }: OffsetsOfGroup): void {
    this.#open(producer).offset = offsets[0]?.offset;
  }

  #end({ epoch }: ProducerIdentity, isCommit: boolean): ProducerIdentity {
    const isRepeated = epoch === this.#lastEnd?.epoch && isCommit === this.#lastEnd.isCommit;
    if (epoch === this.#epoch && this.#pending !== undefined) {
      if (isCommit) {
        this.committed.push(...this.#pending.records);
        this.position = this.#pending.offset ?? this.position;
      }
      this.#pending = undefined;
      this.#lastEnd = { epoch, isCommit };
      this.#epoch += 1;
      this.#sequences = new Map();
    } else if (!isRepeated) {
      this.fencedCount += 1;
      throwOn(KAFKA_ERROR.PRODUCER_FENCED, 'the end was refused');
    }
    return { producerId: 1n, epoch: this.#epoch };
  }
}
