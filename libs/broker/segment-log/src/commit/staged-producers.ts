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
import type { LogState, ProducerResult } from './log-state';

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
  /** Counts the times that producers were forgotten. */
  readonly era: number;
  /** Producers were forgotten. */
  forgot(): void;
  /**
   * The first result when the stamp is a repeat; undefined when it is the producer's next.
   * @throws PulsesError FENCED, SEQUENCE_GAP, CONNECTION_LOST, OVERLOADED, or the code of an earlier refusal
   */
  check(stamp: ProducerStamp, era: number | undefined): ProducerResult | undefined;
  /** Takes the stamp that `check` found to be next. */
  accept(stamp: ProducerStamp, result: ProducerResult): void;
  /** A request of the producer was refused with a code that asks it to try again. */
  refused(stamp: ProducerStamp, code: ErrorCode): void;
}

export function createStagedProducers(state: LogState, producersMax: number): StagedProducers {
  let era = 0;
  /** Staged producers that are not stored. */
  let fresh = 0;
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

  /** @throws PulsesError CONNECTION_LOST, OVERLOADED */
  const checkNew = ({ id }: ProducerStamp, eraOfSender: number | undefined): void => {
    if (eraOfSender !== undefined && eraOfSender !== era) {
      const what = `producers were forgotten since this connection was opened, and ${id} may be one`;
      throw new PulsesError('CONNECTION_LOST', `${what}: connect again`);
    }
    if (state.producers.size + fresh < producersMax) return;
    const when = 'one is forgotten when it retires, or days after its last batch';
    throw new PulsesError('OVERLOADED', `there are ${producersMax} producers, the limit: ${when}`);
  };

  return {
    reset: () => {
      staged.clear();
      fresh = 0;
    },
    get era() {
      return era;
    },
    forgot: () => {
      era += 1;
    },
    check: (stamp, eraOfSender) => {
      const fencedUpTo = state.retiredProducers.get(stamp.id) ?? -1;
      if (stamp.epoch <= fencedUpTo) throw new PulsesError('FENCED', `producer ${stamp.id} has retired`);
      const known = staged.get(stamp.id) ?? state.producers.get(stamp.id);
      if (known !== undefined && stamp.epoch < known.epoch) {
        throw new PulsesError('FENCED', `producer ${stamp.id} is in epoch ${known.epoch}`);
      }
      const expected = known?.epoch === stamp.epoch ? known.nextSequence : 0;
      if (stamp.sequence < expected) return firstResult(stamp);
      if (stamp.sequence === expected) {
        if (known === undefined) checkNew(stamp, eraOfSender);
        return undefined;
      }
      const refusal = refusals.get(stamp.id);
      if (refusal?.epoch === stamp.epoch) throw new PulsesError(refusal.code);
      throw new PulsesError('SEQUENCE_GAP', `producer ${stamp.id} sent ${stamp.sequence}, ${expected} is next`);
    },
    accept: (stamp, result) => {
      let producer = staged.get(stamp.id);
      if (producer === undefined && !state.producers.has(stamp.id)) fresh += 1;
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
