// Deduplication and fencing of producers, over the stored state and the group being staged.
//
// Guarantees: within an epoch each sequence is stored at most once and none is skipped; a repeat gets the offsets
// of the first time. A producer that was refused for want of room keeps getting that answer for what it had sent
// behind the refused request, not SEQUENCE_GAP: its requests are fine, it has to send them again in order.
//
// A producer that was not used for PRODUCER_KEPT_MS is forgotten. Its first batch, sent again, would look like that of a
// new producer. Two rules keep it from being stored twice. A client repeats no first batch once the log's clock has gone
// so far since before it was sent. It asks for that clock over the connection of the repeat. And a connection that was
// opened before producers were forgotten starts no producer: what it sends may be older than it looks.

import { PulsesError, type ErrorCode } from '@pulses/shared-errors';
import { PRODUCER_RESULTS_KEPT, type ProducerStamp } from '@pulses/broker-wire';
import { KeptNewest } from '../readers/kept-newest';
import type { LogState, ProducerResult } from './log-state';

/** Producers with a refused request that are remembered; beyond it, the oldest gets SEQUENCE_GAP. */
const REFUSALS_KEPT = 10_000;

interface StagedProducer {
  epoch: number;
  nextSequence: number;
  results: Map<number, ProducerResult>;
}

export class StagedProducers {
  readonly #state: LogState;
  readonly #producersMax: number;
  readonly #staged = new Map<string, StagedProducer>();
  readonly #refusals = new KeptNewest<{ epoch: number; code: ErrorCode }>(REFUSALS_KEPT);
  /** Staged producers that are not stored. */
  #fresh = 0;
  #era = 0;

  constructor(state: LogState, producersMax: number) {
    this.#state = state;
    this.#producersMax = producersMax;
  }

  /** Counts the times that producers were forgotten. */
  get era(): number {
    return this.#era;
  }

  /** Producers were forgotten. */
  forgot(): void {
    this.#era += 1;
  }

  /** Forgets what was staged. */
  reset(): void {
    this.#staged.clear();
    this.#fresh = 0;
  }

  /**
   * The first result when the stamp is a repeat; undefined when it is the producer's next.
   * @throws PulsesError FENCED, SEQUENCE_GAP, CONNECTION_LOST, OVERLOADED, or the code of an earlier refusal
   */
  check(stamp: ProducerStamp, era: number | undefined): ProducerResult | undefined {
    const fencedUpTo = this.#state.retiredProducers.get(stamp.id) ?? -1;
    if (stamp.epoch <= fencedUpTo) throw new PulsesError('FENCED', `producer ${stamp.id} has retired`);
    const known = this.#staged.get(stamp.id) ?? this.#state.producers.get(stamp.id);
    if (known !== undefined && stamp.epoch < known.epoch) {
      throw new PulsesError('FENCED', `producer ${stamp.id} is in epoch ${known.epoch}`);
    }
    const expected = known?.epoch === stamp.epoch ? known.nextSequence : 0;
    if (stamp.sequence < expected) return this.#firstResult(stamp);
    if (stamp.sequence === expected) {
      if (known === undefined) this.#checkNew(stamp, era);
      return undefined;
    }
    const refusal = this.#refusals.get(stamp.id);
    if (refusal?.epoch === stamp.epoch) throw new PulsesError(refusal.code);
    throw new PulsesError('SEQUENCE_GAP', `producer ${stamp.id} sent ${stamp.sequence}, ${expected} is next`);
  }

  /** Takes the stamp that `check` found to be next. */
  accept(stamp: ProducerStamp, result: ProducerResult): void {
    let producer = this.#staged.get(stamp.id);
    if (producer === undefined && !this.#state.producers.has(stamp.id)) this.#fresh += 1;
    if (producer?.epoch !== stamp.epoch) {
      producer = { epoch: stamp.epoch, nextSequence: stamp.sequence, results: new Map() };
      this.#staged.set(stamp.id, producer);
    }
    producer.results.set(stamp.sequence, result);
    producer.nextSequence = stamp.sequence + 1;
    this.#refusals.delete(stamp.id);
  }

  /** A request of the producer was refused with a code that asks it to try again. */
  refused(stamp: ProducerStamp, code: ErrorCode): void {
    this.#refusals.set(stamp.id, { epoch: stamp.epoch, code });
  }

  #firstResult({ id, epoch, sequence }: ProducerStamp): ProducerResult {
    const stored = this.#state.producers.get(id);
    let result = this.#staged.get(id)?.results.get(sequence);
    if (result === undefined && stored?.epoch === epoch) {
      const isKept = stored.nextSequence - sequence <= PRODUCER_RESULTS_KEPT;
      if (isKept) result = stored.results[sequence % PRODUCER_RESULTS_KEPT];
    }
    if (result !== undefined) return result;
    const what = `sequence ${sequence} was stored before the last ${PRODUCER_RESULTS_KEPT} of its producer`;
    throw new PulsesError('SEQUENCE_GAP', what);
  }

  /** @throws PulsesError CONNECTION_LOST, OVERLOADED */
  #checkNew({ id }: ProducerStamp, era: number | undefined): void {
    if (era !== undefined && era !== this.#era) {
      const what = `producers were forgotten since this connection was opened, and ${id} may be one`;
      throw new PulsesError('CONNECTION_LOST', `${what}: connect again`);
    }
    if (this.#state.producers.size + this.#fresh < this.#producersMax) return;
    const when = 'one is forgotten when it retires, or days after its last batch';
    throw new PulsesError('OVERLOADED', `there are ${this.#producersMax} producers, the limit: ${when}`);
  }
}
