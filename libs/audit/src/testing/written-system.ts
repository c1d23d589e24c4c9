// A source and the outputs that an ingestor writes for it, made in one go. Ids and line formats are from the model,
// sums use BigInt, and nothing is the audit's own code.

import { createKeyTable } from '@pulses/aggregation-api';
import {
  aggregatedTopic,
  createAggregatedLines,
  createGroupedIds,
  createKeyFields,
  createPulseReader,
  deadLetterLine,
  deadLetterTopic,
  encodeTenant,
  formatAmount,
  GROUPED_LINE_OVERHEAD_BYTES,
  groupedTopic,
  writeGroupedLine,
  type SourceId,
} from '@pulses/shared-pulse-model';
import { limbsOf, unitsOf } from './decimal';
import { createMemoryBroker, type MemoryBroker, type MemoryRecord } from './memory-broker';

export const SOURCE = 'source.pulses';
export const GROUP = 'ingestor';

export interface SystemPlan {
  readonly source: readonly { readonly line: string; readonly timestampMs: number }[];
  /** Window lengths by the first source offset that they hold for; the first one is at 0. */
  readonly lengths: readonly { readonly fromOffset: number; readonly windowMs: number }[];
  /** Below it everything is grouped; all of the source when absent. */
  readonly groupedOffset?: number;
  readonly sourceTopic?: string;
  /** Of the source, in a system whose sources have several; outputs name it. */
  readonly partition?: number;
}

/** Positions as the plan says, `windowed` behind the last window that is over by then. */
export function writeSystem(plan: SystemPlan, broker: MemoryBroker = createMemoryBroker()): MemoryBroker {
  const { source, sourceTopic = SOURCE, partition, groupedOffset = source.length } = plan;
  const topic = broker.topic(partition === undefined ? sourceTopic : `${sourceTopic}/${partition}`);
  for (const { line, timestampMs } of source) topic.records.push({ line: Buffer.from(line), timestampMs });
  const id = {
    topic: sourceTopic,
    incarnation: topic.incarnation,
    ...(partition === undefined ? {} : { partition }),
  };
  topic.records.slice(0, groupedOffset).forEach((record, offset) => {
    writeOne(broker, id, record, offset);
  });
  const windowedOffset = writeWindows(broker, id, topic.records.slice(0, groupedOffset), plan);
  const position = { group: `${GROUP}@${sourceTopic}`, ...id, revision: 1, metadata: '' };
  broker.storedPositions.push(
    { ...position, name: 'grouped', offset: groupedOffset },
    { ...position, name: 'windowed', offset: windowedOffset },
  );
  return broker;
}

const reader = createPulseReader();
const keyTable = createKeyTable({ keysMax: 2 ** 16 });
const keyFields = createKeyFields();

/** The key of the pulse just read. */
function keyOfRead() {
  const { text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd } = reader;
  const ranges = [text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd] as const;
  const id = keyTable.idOf(...ranges);
  if (id === keyFields.size) keyFields.add(...ranges);
  return { id, bytes: keyTable.bytesOf(id), tenant: encodeTenant(text.slice(tenantStart, tenantEnd)) };
}

function append(broker: MemoryBroker, topic: string, lineWithFeed: Uint8Array, timestampMs: number): void {
  broker.topic(topic).records.push({ line: Buffer.from(lineWithFeed.subarray(0, -1)), timestampMs });
}

function writeOne(broker: MemoryBroker, id: SourceId, { line, timestampMs }: MemoryRecord, offset: number): void {
  if (!reader.read(line, 0, line.byteLength)) {
    const letter = deadLetterLine(offset, reader.reason, reader.detail, line, timestampMs, id.partition);
    append(broker, deadLetterTopic(id.topic), letter, timestampMs);
    return;
  }
  const { id: key, tenant } = keyOfRead();
  const out = Buffer.alloc(GROUPED_LINE_OVERHEAD_BYTES + keyFields.lengthOf(key));
  const ids = createGroupedIds(id);
  const end = writeGroupedLine(out, 0, ids, offset, keyFields, key, reader.amount, 0, Math.floor(timestampMs / 1000));
  append(broker, groupedTopic(tenant), out.subarray(0, end), timestampMs);
}

/** Answers the position `windowed`. */
function writeWindows(
  broker: MemoryBroker,
  id: SourceId,
  records: readonly MemoryRecord[],
  { lengths }: SystemPlan,
): number {
  let fromOffset = 0;
  for (;;) {
    const first = records[fromOffset];
    if (first === undefined) return fromOffset;
    const windowMs = lengths.findLast((length) => length.fromOffset <= fromOffset)?.windowMs ?? 1000;
    const startMs = Math.floor(first.timestampMs / windowMs) * windowMs;
    const behind = records.findIndex(
      ({ timestampMs }, offset) => offset >= fromOffset && timestampMs >= startMs + windowMs,
    );
    // Not over as far as the log tells.
    if (behind < 0) return fromOffset;
    writeWindow(broker, id, records, { fromOffset, behind, startMs, windowMs });
    fromOffset = behind;
  }
}

function writeWindow(
  broker: MemoryBroker,
  source: SourceId,
  records: readonly MemoryRecord[],
  window: { fromOffset: number; behind: number; startMs: number; windowMs: number },
): void {
  const { fromOffset, behind, startMs, windowMs } = window;
  const keys = new Map<number, { key: ReturnType<typeof keyOfRead>; units: bigint; times: number[] }>();
  for (const { line, timestampMs } of records.slice(fromOffset, behind)) {
    if (!reader.read(line, 0, line.byteLength)) continue;
    const key = keyOfRead();
    const state = keys.get(key.id) ?? { key, units: 0n, times: [] };
    state.units += unitsOf(formatAmount(reader.amount));
    state.times.push(timestampMs);
    keys.set(key.id, state);
  }
  const lines = createAggregatedLines(
    { source, windowStartMs: startMs, windowMs, fromOffset, toOffset: behind - 1 },
    keyFields,
  );
  for (const { key, units, times } of keys.values()) {
    const out = Buffer.alloc(lines.overheadBytes + keyFields.lengthOf(key.id));
    const [first = 0] = times;
    const end = lines.write(out, 0, key.id, key.bytes, limbsOf(units), 0, times.length, first, times.at(-1) ?? 0);
    const line = out.subarray(0, end);
    append(broker, aggregatedTopic(key.tenant), line, startMs + windowMs);
  }
}
