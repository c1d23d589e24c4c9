// The two questions put to every peer, and how its answers are told.

import {
  check,
  createPulsePool,
  createSamples,
  jsonParseRate,
  sized,
  type Measure,
  type PulsePool,
  type Samples,
} from '@pulses/testing-benches';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export const PEER_BATCH_PULSES = sized(1_000, 200);
export const PEER_TENANTS = sized(1_000, 20);
const YARDSTICK_LINES = sized(1_000_000, 2_000);

/** What the consumer is told. */
export interface ConsumerData {
  readonly port: number;
  readonly pulses: number;
}

export interface PeerPool {
  readonly pool: PulsePool;
  /** The lines of each batch of the pool. */
  readonly lines: readonly (readonly string[])[];
}

export function createPeerPool(batches: number): PeerPool {
  const options = { tenants: PEER_TENANTS, skus: 50, batchCount: Math.min(batches, 50), batchPulses: PEER_BATCH_PULSES };
  const pool = createPulsePool(options);
  return { pool, lines: pool.batches.map(({ payload }) => payload.toString('latin1').trimEnd().split('\n')) };
}

/** Publishes batches, `inFlight` at a time; answers the rate, in pulses a second, and the times until acknowledged, in ms. */
export async function publishAll(
  { lines }: PeerPool,
  batches: number,
  inFlight: number,
  publish: (lines: readonly string[]) => Promise<void>,
): Promise<{ rate: number; times: Samples }> {
  const times = createSamples();
  let next = 0;
  const producer = async () => {
    while (next < batches) {
      const batch = lines[next % lines.length] as readonly string[];
      next += 1;
      const startMs = performance.now();
      await publish(batch);
      times.add(performance.now() - startMs);
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: inFlight }, producer));
  return { rate: (batches * PEER_BATCH_PULSES) / ((performance.now() - start) / 1000), times };
}

/** A consumer in a thread of its own: this very bench, which finds that it is not the main thread. */
export async function startConsumer(script: string, data: ConsumerData) {
  const worker = new Worker(new URL(script), { workerData: data });
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error as Error));
  failed.catch(() => undefined);
  await Promise.race([once(worker, 'message'), failed]);
  return {
    /** Resolves once it has published everything. */
    async done(): Promise<{ pulses: number; micros: number }> {
      const [total] = (await Promise.race([once(worker, 'message'), failed])) as [{ pulses: number; micros: number }];
      return total;
    },
  };
}

export function checkPeer(pool: PulsePool, batches: number, total: { pulses: number; micros: number }, groupedLines: number): void {
  check(total.pulses, batches * PEER_BATCH_PULSES, 'the count of pulses in the sums');
  check(BigInt(total.micros), pool.microsOfFirst(batches), 'the sum of all pulses, in millionths,');
  check(groupedLines, batches * PEER_BATCH_PULSES, 'the count of grouped lines');
}

export function peerMeasures(
  name: string,
  pool: PulsePool,
  produced: { rate: number; times: Samples },
  grouped: { rate: number; times: Samples },
): Measure[] {
  const parse = jsonParseRate(pool.batches.map(({ payload }) => payload), YARDSTICK_LINES);
  const measureOf = (question: string, { rate, times }: { rate: number; times: Samples }, checked: string): Measure => ({
    question: `${name}: ${question}`,
    rate,
    latency: { of: `acknowledgement of ${PEER_BATCH_PULSES} messages`, p50Ms: times.at(0.5), p99Ms: times.at(0.99) },
    targets: [],
    yardstick: { name: "one core's JSON.parse", value: parse, unit: 'lines/s', ratio: rate / parse },
    checked,
  });
  return [
    measureOf('produce only, acknowledged', produced, 'count of stored messages'),
    measureOf('source → grouped, by a minimal consumer', grouped, 'counts; sums exact'),
  ];
}
