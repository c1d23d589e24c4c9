// Many topics of one kind, in the order in which the broker stores them.
//
// For small topics this costs the broker a fraction of what as many streams cost: it reads each of its files once. It also
// reads the topics of the kind that were not asked for, so it pays for those who want most of them.
//
// Guarantees: every message of each topic from its start offset to its next offset, as they are in `topics`, once. Those of a
// topic come in order; topics are mixed. Batches are lent, as by `readBatches`. Bounds: two answers of the broker.

import { freeMemory, SCAN_START, skipRecords, topicIdOf, type RecordBatch, type TopicInfo } from '@pulses/broker-wire';
import type { BrokerReader } from './broker-reader';
import { readBatches } from './read-batches';
import type { Scanned } from './scanned';

export interface TopicBatch {
  readonly topic: TopicInfo;
  readonly batch: Omit<RecordBatch, 'timestampMs'>;
}

const CREDIT_BYTES = 512 * 1024;

interface OpenTopic {
  readonly topic: TopicInfo;
  /** The next offset to yield. */
  next: number;
}

/** @throws PulsesError of `scan`; TOPIC_UNKNOWN, OFFSET_OUT_OF_RANGE when a topic was deleted or trimmed meanwhile */
export async function* readTopics(
  client: BrokerReader,
  topics: readonly TopicInfo[],
): AsyncGenerator<readonly TopicBatch[], void, undefined> {
  const open = new Map<number, OpenTopic>();
  for (const topic of topics)
    if (topic.startOffset < topic.nextOffset)
      open.set(topicIdOf(topic.incarnation), { topic, next: topic.startOffset });
  const [like] = open.values();
  let asked = like === undefined ? undefined : client.scan(like.topic.topic, SCAN_START);
  try {
    while (asked !== undefined) {
      const scanned: Scanned = await asked;
      // Asked for before these are processed: the broker reads meanwhile.
      asked = scanned.more ? client.scan(like!.topic.topic, scanned.next) : undefined; // it is there
      const batches = batchesOf(scanned, open);
      if (batches.length > 0) yield batches;
      freeMemory(scanned.memory);
      if (open.size === 0) return;
    }
  } finally {
    asked?.catch(() => undefined);
  }
  // What the scan has not led to is gone, which a stream tells.
  for (const { topic, next: fromOffset } of open.values()) {
    const { incarnation, nextOffset: untilOffset } = topic;
    const range = { topic: topic.topic, incarnation, fromOffset, untilOffset, creditBytes: CREDIT_BYTES };
    for await (const batches of readBatches(client, range)) yield batches.map((batch) => ({ topic, batch }));
  }
}

/** The messages that continue their topics, up to where each is read. Closes topics that are complete. */
function batchesOf(scanned: Scanned, open: Map<number, OpenTopic>): TopicBatch[] {
  const { topicIds, baseOffsets, counts, lengths, payload } = scanned;
  const batches: TopicBatch[] = [];
  let at = 0;
  for (const [row, topicId] of topicIds.entries()) {
    const [baseOffset, recordCount, length] = [baseOffsets[row]!, counts[row]!, lengths[row]!]; // rows of equal columns
    const bytes = payload.subarray(at, at + length);
    at += length;
    const entry = open.get(topicId);
    // Before: it came already. Beyond: something is missing, which a stream tells.
    if (entry === undefined || baseOffset > entry.next || baseOffset + recordCount <= entry.next) continue;
    const stored = { baseOffset, recordCount, payload: bytes };
    const batch = cut(stored, entry.next, entry.topic.nextOffset);
    entry.next = batch.baseOffset + batch.recordCount;
    if (entry.next === entry.topic.nextOffset) open.delete(topicId);
    batches.push({ topic: entry.topic, batch });
  }
  return batches;
}

/** The messages of `[from, until)`, which the batch overlaps. */
function cut(batch: TopicBatch['batch'], from: number, until: number): TopicBatch['batch'] {
  const { baseOffset, recordCount, payload } = batch;
  const [first, end] = [Math.max(baseOffset, from), Math.min(baseOffset + recordCount, until)];
  if (first === baseOffset && end === baseOffset + recordCount) return batch;
  const rest = payload.subarray(skipRecords(payload, first - baseOffset));
  return { baseOffset: first, recordCount: end - first, payload: rest.subarray(0, skipRecords(rest, end - first)) };
}
