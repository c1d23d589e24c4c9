// Deduplication and fencing of the log in memory.

import type { AppendResult } from '@pulses/broker-log-api';
import { PRODUCER_RESULTS_KEPT, type ProducerStamp } from '@pulses/broker-wire';
import { isPulsesError, PulsesError, type ErrorCode } from '@pulses/shared-errors';

interface Producer {
  readonly epoch: number;
  nextSequence: number;
  readonly results: Map<number, AppendResult>;
  /** The code of a refused message: those sent behind it get the same. */
  refusal: ErrorCode | undefined;
}

export class MemoryProducers {
  readonly #known = new Map<string, Producer>();
  /** The epoch up to which each retired producer is fenced. */
  readonly #retired = new Map<string, number>();

  /**
   * The first result when the stamp is a repeat; undefined when it is the producer's next.
   * @throws PulsesError FENCED, SEQUENCE_GAP, or the code of an earlier refusal
   */
  firstResult({ id, epoch, sequence }: ProducerStamp): AppendResult | undefined {
    const known = this.#known.get(id);
    if (epoch <= (this.#retired.get(id) ?? -1) || epoch < (known?.epoch ?? 0)) throw new PulsesError('FENCED');
    const current = known?.epoch === epoch ? known : undefined;
    const next = current?.nextSequence ?? 0;
    if (sequence === next) return undefined;
    const first = current?.results.get(sequence);
    if (first !== undefined) return first;
    throw new PulsesError(sequence > next ? (current?.refusal ?? 'SEQUENCE_GAP') : 'SEQUENCE_GAP');
  }

  accept({ id, epoch, sequence }: ProducerStamp, result: AppendResult): void {
    const producer = this.#inEpoch(id, epoch);
    producer.nextSequence = sequence + 1;
    producer.refusal = undefined;
    producer.results.set(sequence, result);
    producer.results.delete(sequence - PRODUCER_RESULTS_KEPT);
  }

  /** A message was refused. */
  refused({ id, epoch }: ProducerStamp, error: unknown): void {
    const known = this.#known.get(id);
    if (known?.epoch === epoch && isPulsesError(error) && error.retriable) known.refusal = error.code;
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
    const fresh: Producer = { epoch, nextSequence: 0, results: new Map(), refusal: undefined };
    this.#known.set(id, fresh);
    return fresh;
  }
}
