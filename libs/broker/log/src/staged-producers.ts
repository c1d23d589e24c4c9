// Deduplication and fencing of producers, over the stored state and the group being staged.
//
// Guarantees: within an epoch each sequence is stored at most once and none is skipped; a repeat gets the offsets
// of the first time. A producer that was refused for want of room keeps getting that answer for what it had sent
// behind the refused request, not SEQUENCE_GAP: its requests are fine, it has to send them again in order.

import { PulsesError, type ErrorCode } from '@pulses/shared-errors';
import { PRODUCER_RESULTS_KEPT, type ProducerStamp } from '@pulses/broker-wire';
import { type LogState, type ProducerResult } from './state';

/** Producers with a refused request that are remembered; beyond it, the oldest gets SEQUENCE_GAP. */
const REFUSALS_KEPT = 10_000;

interface StagedProducer {
  epoch: number;
  nextSequence: number;
  results: Map<number, ProducerResult>;
}

export interface StagedProducers {
  /** Forgets what was staged. */
  reset(): void;
  /**
   * The first result when the stamp is a repeat; undefined when it is the producer's next.
   * @throws PulsesError FENCED, SEQUENCE_GAP, or the code of an earlier refusal
   */
  check(stamp: ProducerStamp): ProducerResult | undefined;
  /** Takes the stamp that `check` found to be next. */
  accept(stamp: ProducerStamp, result: ProducerResult): void;
  /** A request of the producer was refused with a code that asks it to try again. */
  refused(stamp: ProducerStamp, code: ErrorCode): void;
}

export function createStagedProducers(state: LogState): StagedProducers {
  const staged = new Map<string, StagedProducer>();
  const refusals = new Map<string, { epoch: number; code: ErrorCode }>();

  const firstResult = (stamp: ProducerStamp): ProducerResult => {
    const stored = state.producers.get(stamp.id);
    let result = staged.get(stamp.id)?.results.get(stamp.sequence);
    if (result === undefined && stored?.epoch === stamp.epoch) {
      const isKept = stored.nextSequence - stamp.sequence <= PRODUCER_RESULTS_KEPT;
      if (isKept) result = stored.results[stamp.sequence % PRODUCER_RESULTS_KEPT];
    }
    if (result !== undefined) return result;
    throw new PulsesError(
      'SEQUENCE_GAP',
      `sequence ${stamp.sequence} was stored before the last ${PRODUCER_RESULTS_KEPT} of its producer`,
    );
  };

  return {
    reset: () => staged.clear(),
    check: (stamp) => {
      const fencedUpTo = state.retiredProducers.get(stamp.id) ?? -1;
      if (stamp.epoch <= fencedUpTo) throw new PulsesError('FENCED', `producer ${stamp.id} has retired`);
      const known = staged.get(stamp.id) ?? state.producers.get(stamp.id);
      if (known !== undefined && stamp.epoch < known.epoch) {
        throw new PulsesError('FENCED', `producer ${stamp.id} is in epoch ${known.epoch}`);
      }
      const expected = known?.epoch === stamp.epoch ? known.nextSequence : 0;
      if (stamp.sequence < expected) return firstResult(stamp);
      if (stamp.sequence === expected) return undefined;
      const refusal = refusals.get(stamp.id);
      if (refusal?.epoch === stamp.epoch) throw new PulsesError(refusal.code);
      throw new PulsesError('SEQUENCE_GAP', `producer ${stamp.id} sent ${stamp.sequence}, ${expected} is next`);
    },
    accept: (stamp, result) => {
      let producer = staged.get(stamp.id);
      if (producer?.epoch !== stamp.epoch) {
        producer = { epoch: stamp.epoch, nextSequence: stamp.sequence, results: new Map() };
        staged.set(stamp.id, producer);
      }
      producer.results.set(stamp.sequence, result);
      producer.nextSequence = stamp.sequence + 1;
      refusals.delete(stamp.id);
    },
    refused: (stamp, code) => {
      refusals.delete(stamp.id);
      refusals.set(stamp.id, { epoch: stamp.epoch, code });
      if (refusals.size <= REFUSALS_KEPT) return;
      for (const oldest of refusals.keys()) {
        refusals.delete(oldest);
        return;
      }
    },
  };
}
