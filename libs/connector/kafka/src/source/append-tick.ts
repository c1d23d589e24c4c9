// Stores a tick in a source partition.

import type { Cluster } from '../protocol/cluster';
import { produce, type ProduceAnswer } from '../protocol/produce';
import type { KafkaTopic } from '../protocol/topic-metadata';
import { BatchWriter } from '../records/batch-writer';
import { TICK_HEADER } from './records-decoder';

const TICK_BYTES_MAX = 1_024;
const TIMEOUT_MS = 5_000;

/** Outside of transactions, so that it is read at once. A second one, after a lost answer, does no harm. */
export async function appendTick(
  cluster: Cluster,
  topic: Pick<KafkaTopic, 'name'>,
  partition: number,
  timestampMs: number,
  signal: AbortSignal,
): Promise<ProduceAnswer> {
  const writer = new BatchWriter(TICK_BYTES_MAX);
  writer.appendMark(TICK_HEADER);
  const batch = writer.finish({ compression: 'none', timestampMs, producer: undefined });
  const ask = produce([{ topic: topic.name, partition, batch }], {
    transactionalId: undefined,
    version: 9,
    timeoutMs: TIMEOUT_MS,
  });
  const [answer] = await cluster.toLeader(topic.name, partition, ask, { signal });
  return answer!; // as many as batches
}
