// The lines of all tenants in one pass: a message is a batch of one tenant.
//
// Guarantees: each line once, those of a tenant in order. A line that lies in several messages is put together.

import { forEachMessage, type OutputBatch, type PartitionInfo } from '@pulses/connector-api';
import { Condition } from '@pulses/shared-async';
import type { SourceReader } from '../source/source-reader';
import { OUTPUT_OFFSETS } from './line-offsets';

const BATCHES_MAX = 256;
const LINE_FEED = 10;

export async function* readOutputLines(
  info: PartitionInfo,
  { untilOffset }: { readonly untilOffset: number },
  openReader: (onChange: () => void) => SourceReader,
): AsyncGenerator<readonly OutputBatch[], void> {
  const changed = new Condition();
  const reader = openReader(() => {
    changed.notifyAll();
  });
  /** By subject: the parts of a line whose end has not come. */
  const unfinished = new Map<string, Uint8Array[]>();
  try {
    for (;;) {
      const batches: OutputBatch[] = [];
      let message = reader.peek();
      for (; message !== undefined && batches.length < BATCHES_MAX; message = reader.peek()) {
        const baseOffset = OUTPUT_OFFSETS.toOffset(message.sequence);
        if (baseOffset >= untilOffset) break;
        const { body, subject } = message;
        reader.shift();
        const parts = [...(unfinished.get(subject) ?? []), body];
        if (body.at(-1) !== LINE_FEED) {
          unfinished.set(subject, parts);
          continue;
        }
        unfinished.delete(subject);
        const payload = parts.length === 1 ? body : Buffer.concat(parts);
        let recordCount = 0;
        forEachMessage({ payload }, () => {
          recordCount += 1;
        });
        const topic = { ...info, topic: subject, isShared: false };
        batches.push({ topic, batch: { baseOffset, recordCount, payload } });
      }
      if (batches.length > 0) yield batches;
      const isOver = message !== undefined && OUTPUT_OFFSETS.toOffset(message.sequence) >= untilOffset;
      if (isOver || (reader.isAtHead && OUTPUT_OFFSETS.toOffset(reader.lastStored + 1) >= untilOffset)) return;
      if (reader.peek() === undefined) await changed.wait();
    }
  } finally {
    reader.close();
  }
}
