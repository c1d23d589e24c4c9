// Deduplication and fencing of the log in memory.

import type { AppendResult } from '@pulses/broker-log-api';
import { PRODUCER_RESULTS_KEPT, type ProducerStamp } from '@pulses/broker-wire';
import { isPulsesError, PulsesError, type ErrorCode } from '@pulses/shared-errors';

interface Producer {
  readonly epoch: number;
  nextSequence: number;
  lastUsedMs: number;
  readonly results: Map<number, AppendResult>;
  /** The code of a refused message: those sent behind it get the same. */
  refusal: ErrorCode | undefined;
}

export class MemoryProducers {
  readonly #known = new Map<string, Producer>();
  readonly #max: number;
  /** The epoch up to which each retired producer is fenced. */
  readonly #retired = new Map<string, number>();

  /** Counts the times that producers were forgotten. */
  era = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get count(): number {
    return this.#known.size;
  }

  /**
   * The first result when the stamp is a repeat; undefined when it is the producer's next.
   * @throws PulsesError FENCED, SEQUENCE_GAP, CONNECTION_LOST, OVERLOADED, or the code of an earlier refusal
   */
  firstResult({ id, epoch, sequence }: ProducerStamp, era: number | undefined): AppendResult | undefined {
    const known = this.#known.get(id);
    if (epoch <= (this.#retired.get(id) ?? -1) || epoch < (known?.epoch ?? 0)) throw new PulsesError('FENCED');
    const current = known?.epoch === epoch ? known : undefined;
    const next = current?.nextSequence ?? 0;
    if (sequence === next) {
      if (known === undefined && era !== undefined && era !== this.era) throw new PulsesError('CONNECTION_LOST');
      if (known === undefined && this.#known.size >= this.#max) throw new PulsesError('OVERLOADED');
      return undefined;
    }
    const first = current?.results.get(sequence);
    if (first !== undefined) return first;
    throw new PulsesError(sequence > next ? (current?.refusal ?? 'SEQUENCE_GAP') : 'SEQUENCE_GAP');
  }

  accept({ id, epoch, sequence }: ProducerStamp, result: AppendResult): void {
    const producer = this.#inEpoch(id, epoch);
    producer.nextSequence = sequence + 1;
    producer.lastUsedMs = result.timestampMs;
    producer.refusal = undefined;
    producer.results.set(sequence, result);
    producer.results.delete(sequence - PRODUCER_RESULTS_KEPT);
  }

  /** A message was refused. */
  refused({ id, epoch }: ProducerStamp, error: unknown): void {
    const known = this.#known.get(id);
    if (known?.epoch === epoch && isPulsesError(error) && error.retriable) known.refusal = error.code;
  }

  expire(nowMs: number, unusedMs: number): number {
    const before = this.#known.size;
    for (const [id, { lastUsedMs }] of this.#known) if (nowMs - lastUsedMs >= unusedMs) this.#known.delete(id);
    const expired = before - this.#known.size;
    if (expired > 0) this.era += 1;
    return expired;
  }

  /** @throws PulsesError FENCED */
  retire(id: string, epoch: number): void {
    if (epoch < (this.#known.get(id)?.epoch ?? 0)) throw new PulsesError('FENCED');
    this.#known.delete(id);
    this.#retired.set(id, Math.max(epoch, this.#retired.get(id) ?? -1));
  }

  #inEpoch(id: string, epoch: number): Producer {
    const known = this.#known.get(id);
    if (known?.epoch === epoch) return known;
    const fresh: Producer = { epoch, nextSequence: 0, lastUsedMs: 0, results: new Map(), refusal: undefined };
    this.#known.set(id, fresh);
    return fresh;
  }
}
