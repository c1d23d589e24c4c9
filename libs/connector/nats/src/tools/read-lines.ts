// The lines of a topic in a range of offsets.
//
// Guarantees: each line once, in order, with the time at which the stream stored it, as the ingestor sees it. Ticks are
// left out. A line that lies in several messages is put together. Bounds: those of the source reader, and one batch.

import type { ReadRange, StoredBatch } from '@pulses/connector-api';
import { Condition } from '@pulses/shared-async';
import { PulsesError } from '@pulses/shared-errors';
import type { SourceMessage, SourceReader } from '../source/source-reader';
import { SOURCE_OFFSETS, type OffsetScale } from './line-offsets';

const BATCH_MESSAGES_MAX = 256;
const LINE_FEED = 10;
const END = Buffer.from('\n');

export async function* readLines(
  scale: OffsetScale,
  { fromOffset, untilOffset, signal }: ReadRange,
  openReader: (onChange: () => void) => SourceReader,
): AsyncGenerator<readonly StoredBatch[], void> {
  const changed = new Condition();
  const notify = () => {
    changed.notifyAll();
  };
  const reader = openReader(notify);
  signal?.addEventListener('abort', notify, { once: true });
  let unfinished: Uint8Array[] = [];
  let timeMs = 0;
  const batchOf = (message: SourceMessage): StoredBatch | undefined => {
    timeMs = Math.max(timeMs, message.timestampMs);
    if (message.isTick) return undefined;
    if (scale === SOURCE_OFFSETS) return sourceBatch(message, timeMs);
    unfinished.push(message.body);
    if (message.body.at(-1) !== LINE_FEED) return undefined;
    const payload = Buffer.concat(unfinished);
    unfinished = [];
    return within(outputBatch(payload, scale.toOffset(message.sequence), timeMs), fromOffset, untilOffset);
  };
  try {
    while (signal?.aborted !== true) {
      const batches: StoredBatch[] = [];
      for (let message = reader.peek(); message !== undefined; message = reader.peek()) {
        if (scale.toOffset(message.sequence) >= untilOffset) break;
        const batch = batchOf(message);
        if (batch !== undefined) batches.push(batch);
        reader.shift();
        if (batches.length >= BATCH_MESSAGES_MAX) break;
      }
      if (batches.length > 0) yield batches;
      const next = reader.peek();
      if (next !== undefined && scale.toOffset(next.sequence) >= untilOffset) return;
      if (next !== undefined) continue;
      if (reader.isAtHead && scale.toOffset(reader.lastStored + 1) >= untilOffset) return;
      await changed.wait();
    }
  } finally {
    signal?.removeEventListener('abort', notify);
    reader.close();
  }
}

/** @throws PulsesError OFFSET_OUT_OF_RANGE */
export function checkRange(topic: string, startOffset: number, fromOffset: number): void {
  if (fromOffset < startOffset)
    throw new PulsesError(
      'OFFSET_OUT_OF_RANGE',
      `${topic} is kept from the offset ${startOffset} on, not ${fromOffset}`,
    );
}

function sourceBatch({ sequence, body }: SourceMessage, timestampMs: number): StoredBatch {
  const payload = Buffer.concat([body, END]);
  const batch = { baseOffset: sequence, recordCount: 1, timestampMs, payload };
  return body.includes(LINE_FEED) ? { ...batch, ends: Int32Array.of(body.byteLength) } : batch;
}

function outputBatch(payload: Uint8Array, baseOffset: number, timestampMs: number): StoredBatch {
  let recordCount = 0;
  for (let at = payload.indexOf(LINE_FEED); at >= 0; at = payload.indexOf(LINE_FEED, at + 1)) recordCount += 1;
  return { baseOffset, recordCount, timestampMs, payload };
}

/** The part of a batch that lies in a range; undefined for none. */
function within(batch: StoredBatch, fromOffset: number, untilOffset: number): StoredBatch | undefined {
  const first = Math.max(0, fromOffset - batch.baseOffset);
  const last = Math.min(batch.recordCount, untilOffset - batch.baseOffset);
  if (first === 0 && last === batch.recordCount) return batch;
  if (first >= last) return undefined;
  const lineStart = (count: number) => {
    let at = 0;
    for (let line = 0; line < count; line += 1) at = batch.payload.indexOf(LINE_FEED, at) + 1;
    return at;
  };
  return {
    ...batch,
    baseOffset: batch.baseOffset + first,
    recordCount: last - first,
    payload: batch.payload.subarray(lineStart(first), lineStart(last)),
  };
}
