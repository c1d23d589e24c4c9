// Both measurements of each peer: produce only, and source to grouped lines by a minimal consumer.

import {
  check,
  createPulsePool,
  createSamples,
  jsonParseBaseline,
  latencyOf,
  sized,
  type Measure,
  type PulsePool,
  type Samples,
} from '@pulses/testing-benches';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export const PEER_BATCH_PULSES = sized(1_000, 200);
export const PEER_TENANTS = sized(1_000, 20);

/** Settings of the consumer. */
export interface ConsumerData {
  readonly port: number;
  readonly pulses: number;
}

/** Sums of the consumer. */
export interface PeerTotal {
  readonly pulses: number;
  readonly micros: number;
}

export interface PeerPool {
  readonly pool: PulsePool;
  /** The lines of each batch of the pool. */
  readonly lines: readonly (readonly string[])[];
}

export function createPeerPool(batches: number): PeerPool {
  const options = {
    tenants: PEER_TENANTS,
    skus: 50,
    batchCount: Math.min(batches, 50),
    batchPulses: PEER_BATCH_PULSES,
  };
  const pool = createPulsePool(options);
  return { pool, lines: pool.batches.map(({ payload }) => payload.toString('latin1').trimEnd().split('\n')) };
}

export interface PeerResult {
  /** Pulses a second. */
  readonly rate: number;
  /** Milliseconds until a batch was acknowledged. */
  readonly times: Samples;
}

/** Publishes batches, `inFlight` at a time. */
export async function publishAll(
  { lines }: PeerPool,
  batches: number,
  inFlight: number,
  publish: (lines: readonly string[]) => Promise<void>,
): Promise<PeerResult> {
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

/** Runs the consumer in a worker thread: the bench's own script, which sees that it is not in the main thread. */
async function startConsumer(script: string, data: ConsumerData) {
  const worker = new Worker(new URL(script), { workerData: data });
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error as Error));
  failed.catch(() => undefined);
  await Promise.race([once(worker, 'message'), failed]);
  return {
    /** Resolves once the consumer has published everything. */
    async done(): Promise<PeerTotal> {
      const [total] = (await Promise.race([once(worker, 'message'), failed])) as [PeerTotal];
      return total;
    },
  };
}

/** Publishes batches while a consumer groups them. The rate is that of both together. */
export async function publishAndGroup(
  script: string,
  port: number,
  peer: PeerPool,
  batches: number,
  inFlight: number,
  publish: (lines: readonly string[]) => Promise<void>,
): Promise<{ grouped: PeerResult; total: PeerTotal }> {
  const pulses = batches * PEER_BATCH_PULSES;
  const consumer = await startConsumer(script, { port, pulses });
  const start = performance.now();
  const [{ times }, total] = await Promise.all([publishAll(peer, batches, inFlight, publish), consumer.done()]);
  return { grouped: { rate: pulses / ((performance.now() - start) / 1000), times }, total };
}

export function checkPeer(pool: PulsePool, batches: number, total: PeerTotal, groupedLines: number): void {
  check(total.pulses, batches * PEER_BATCH_PULSES, 'the count of pulses in the sums');
  check(BigInt(total.micros), pool.microsOfFirst(batches), 'the sum of all pulses, in millionths,');
  check(groupedLines, batches * PEER_BATCH_PULSES, 'the count of grouped lines');
}

export function peerMeasures(name: string, pool: PulsePool, produced: PeerResult, grouped: PeerResult): Measure[] {
  const baseline = jsonParseBaseline(pool.batches);
  const measureOf = (question: string, { rate, times }: PeerResult, checked: string): Measure => ({
    question: `${name}: ${question}`,
    rate,
    latency: latencyOf(`acknowledgement of ${PEER_BATCH_PULSES} messages`, times),
    targets: [],
    baseline: baseline(rate),
    checked,
  });
  return [
    measureOf('produce only, acknowledged', produced, 'count of stored messages'),
    measureOf('source → grouped, by a minimal consumer', grouped, 'counts; sums exact'),
  ];
}
