// Publishes a load at a rate, and counts what the broker acknowledges.
//
// Bounds: the producer's batches in flight. A delayed generator continues at its rate; it makes up for
// `CATCH_UP_MS` at most.

import type { LineProducer } from '@pulses/connector-api';
import { addAmountAt, createAmount, type Amount } from '@pulses/shared-pulse-model';
import type { Clock } from '@pulses/shared-ports';
import { delay } from '@pulses/shared-async';
import type { LoadModel } from './load-model';

const BATCH_PULSES_MAX = 1_000;
const TICK_MS = 10;
const CATCH_UP_MS = 1_000;

/** Counts so far. */
export interface Totals {
  sent: number;
  acknowledged: number;
  /** Exact sum of the acknowledged pulses' amounts. */
  readonly amount: Amount;
  /** Monotonic time of the first pulse, and of the last acknowledgement. */
  startMs: number | undefined;
  endMs: number | undefined;
}

export function createTotals(): Totals {
  return { sent: 0, acknowledged: 0, amount: createAmount(), startMs: undefined, endMs: undefined };
}

/** From the first pulse to the last acknowledgement; 0 when there is none. */
export function secondsOf({ startMs, endMs }: Totals): number {
  return startMs === undefined || endMs === undefined ? 0 : (endMs - startMs) / 1000;
}

export interface PublishOptions {
  readonly producer: Pick<LineProducer, 'send' | 'ready'>;
  readonly model: LoadModel;
  readonly totals: Totals;
  /** Pulses a second; Infinity for as fast as the broker acknowledges. */
  readonly rate: number;
  /** Number of pulses to stop after; may be Infinity. */
  readonly count: number;
  readonly clock: Clock;
  /** Stops making pulses; pending acknowledgements are still awaited. */
  readonly signal: AbortSignal;
}

/**
 * Resolves once everything sent is acknowledged.
 * @throws PulsesError that is not retriable
 */
export async function publishLoad({
  producer,
  model,
  totals,
  rate,
  count,
  clock,
  signal,
}: PublishOptions): Promise<void> {
  let failure: { readonly error: unknown } | undefined;
  const acknowledgements = new Set<Promise<void>>();
  const publish = (pulses: number) => {
    const { payload, recordCount, amount } = model.next(pulses);
    totals.sent += recordCount;
    const acknowledgement = producer.send(payload, recordCount).then(
      () => {
        totals.acknowledged += recordCount;
        addAmountAt(totals.amount, 0, amount, 0);
        totals.endMs = clock.monotonicMs();
        acknowledgements.delete(acknowledgement);
      },
      (error: unknown) => {
        failure ??= { error };
        acknowledgements.delete(acknowledgement);
      },
    );
    acknowledgements.add(acknowledgement);
  };

  let paceStartMs = clock.monotonicMs();
  let paced = 0;
  totals.startMs = paceStartMs;
  while (!signal.aborted && failure === undefined && totals.sent < count) {
    const elapsedMs = clock.monotonicMs() - paceStartMs;
    const due = rate === Infinity ? BATCH_PULSES_MAX : Math.floor((elapsedMs * rate) / 1000) + 1 - paced;
    if (due <= 0) {
      const untilNextMs = (paced * 1000) / rate - elapsedMs;
      await delay(Math.max(untilNextMs, TICK_MS), clock, signal).catch(() => undefined);
      continue;
    }
    const pulses = Math.min(due, BATCH_PULSES_MAX, count - totals.sent);
    publish(pulses);
    paced += pulses;
    await producer.ready();
    const lateMs = clock.monotonicMs() - paceStartMs - (paced * 1000) / rate;
    if (lateMs > CATCH_UP_MS) paceStartMs += lateMs - CATCH_UP_MS;
  }
  await Promise.all(acknowledgements);
  if (failure !== undefined) throw failure.error;
}
