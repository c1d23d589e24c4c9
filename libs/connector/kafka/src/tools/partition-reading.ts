// Reads a range of a partition, as a consumer with read_committed sees it.
//
// Guarantees: see `TopicReader.read`. A run ends where the key changes, if that is asked for. Bounds: `aheadBytes` or one batch that is larger, twice: the next answer is asked for
// while the last one is used.

import type { ReadRange } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import type { Cluster } from '../protocol/cluster';
import { fetch, type FetchAnswer } from '../protocol/fetch';
import type { KafkaTopic } from '../protocol/topic-metadata';
import { batchEnd, readBatch } from '../records/record-batch';
import { AbortedFilter } from '../source/aborted-filter';
import { LineBatches, type KeyedRun } from './line-batches';

/** A broker waits for the next message for this long at most. */
const WAIT_MS = 500;

export interface PartitionReading {
  readonly cluster: Cluster;
  readonly topic: KafkaTopic;
  readonly partition: number;
  /** Only records with this key; undefined for all. */
  readonly key: Buffer | undefined;
  /** Ends a run where the key changes. */
  readonly splitsByKey?: boolean;
  readonly range: ReadRange;
}

/** @throws PulsesError OFFSET_OUT_OF_RANGE, TOPIC_UNKNOWN, those of the cluster */
export async function* readPartition(reading: PartitionReading): AsyncGenerator<readonly KeyedRun[], void> {
  const { cluster, topic, partition, key, splitsByKey = false, range } = reading;
  const { fromOffset, untilOffset, aheadBytes: bytesMax, signal } = range;
  const log = `${topic.name}/${partition}`;
  const lines = new LineBatches({ fromOffset, untilOffset, key, splitsByKey }, log);
  const lane = `fetch-${partition}` as const;
  const isStopped = () => signal?.aborted ?? false;
  const fetchFrom = async (offset: number): Promise<FetchAnswer | undefined> => {
    try {
      const ask = fetch({ topic, partition, offset, waitMs: WAIT_MS, bytesMax });
      return await cluster.toLeader(topic.name, partition, ask, { lane, ...(signal === undefined ? {} : { signal }) });
    } catch (error) {
      if (isStopped()) return undefined;
      throw error;
    }
  };
  if (fromOffset >= untilOffset || isStopped()) return;
  let next = fromOffset;
  let coming = fetchFrom(next);
  for (;;) {
    const answer = await coming;
    if (answer === undefined) return;
    const { runs, end } = takeBatches(answer, next, log, lines);
    next = end;
    const isLast = next >= untilOffset;
    if (!isLast) {
      coming = fetchFrom(next);
      // Heard of when it is awaited.
      coming.catch(() => undefined);
    }
    if (runs.length > 0) yield runs;
    if (isLast || isStopped()) return;
  }
}

function takeBatches(
  { batches: bytes, aborted }: FetchAnswer,
  from: number,
  log: string,
  lines: LineBatches,
): { readonly runs: KeyedRun[]; readonly end: number } {
  const filter = new AbortedFilter(aborted);
  const runs: KeyedRun[] = [];
  let next = from;
  for (let at = 0, end = batchEnd(bytes, 0); end !== undefined; at = end, end = batchEnd(bytes, at)) {
    const batch = readBatch(bytes, at, end, log);
    if (filter.isCommitted(batch)) runs.push(...lines.runsOf(batch));
    next = Math.max(next, batch.nextOffset);
  }
  if (next === from && bytes.length > 0)
    throw new PulsesError(
      'PROTOCOL_VIOLATION',
      `${log}: a fetch from offset ${from} was answered without a whole batch`,
    );
  return { runs, end: next };
}
