// Sends batches of many partitions: one request to each leader.
//
// Guarantees: resolves once every batch is stored. Batches that were refused by a broker that leads no more are sent again to
// the leader of now, together with others of the same request that were stored. So they must be idempotent. A lost answer
// rejects.
// Bounds: `RETRY_MS_MAX`.

import { backoffMs, delay } from '@pulses/shared-async';
import type { Clock, Random } from '@pulses/shared-ports';
import type { Cluster, Lane } from './cluster';
import { asPulsesError, isLost, nextStep } from './errors';
import { produce, type ProducedBatch, type ProduceOptions } from './produce';

export interface Delivery {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly random: Random;
  readonly lane: Lane;
}

const RETRY_MS_MAX = 8_000;
const BACKOFF = { delayMsMin: 5, delayMsMax: 250 };

/** @throws PulsesError */
export async function produceToLeaders(
  delivery: Delivery,
  batches: readonly ProducedBatch[],
  options: ProduceOptions,
): Promise<void> {
  const { clock, random } = delivery;
  const deadlineMs = clock.monotonicMs() + RETRY_MS_MAX;
  let left = batches;
  for (let attempt = 1; ; attempt += 1) {
    const { refused, failures } = await sendOnce(delivery, left, options, attempt > 1);
    if (failures.length === 0) return;
    const waitMs = backoffMs(attempt, { random, ...BACKOFF });
    const final = failures.find((failure) => nextStep(failure) === 'none' || isLost(failure));
    if (final !== undefined) throw asPulsesError(final);
    if (clock.monotonicMs() + waitMs >= deadlineMs) throw asPulsesError(failures[0]);
    await delay(waitMs, clock, new AbortController().signal);
    left = refused;
  }
}

async function sendOnce(
  { cluster, lane }: Delivery,
  batches: readonly ProducedBatch[],
  options: ProduceOptions,
  isAgain: boolean,
): Promise<{ refused: readonly ProducedBatch[]; failures: readonly unknown[] }> {
  const refused: ProducedBatch[] = [];
  const failures: unknown[] = [];
  const send = async (ofLeader: readonly [ProducedBatch, ...ProducedBatch[]]) => {
    const [{ topic, partition }] = ofLeader;
    try {
      await cluster.toLeader(topic, partition, produce(ofLeader, options), { lane, retryMsMax: 0 });
    } catch (error) {
      failures.push(error);
      refused.push(...ofLeader);
    }
  };
  try {
    await Promise.all((await byLeader(cluster, batches, isAgain)).map(send));
  } catch (error) {
    return { refused: batches, failures: [error] };
  }
  return { refused, failures };
}

async function byLeader(
  cluster: Cluster,
  batches: readonly ProducedBatch[],
  isAgain: boolean,
): Promise<readonly [ProducedBatch, ...ProducedBatch[]][]> {
  const asked = new Set<string>();
  const leaders = new Map<number, [ProducedBatch, ...ProducedBatch[]]>();
  for (const batch of batches) {
    const leader = await cluster.leader(batch.topic, batch.partition, isAgain && !asked.has(batch.topic));
    asked.add(batch.topic);
    const known = leaders.get(leader);
    if (known === undefined) leaders.set(leader, [batch]);
    else known.push(batch);
  }
  return [...leaders.values()];
}
