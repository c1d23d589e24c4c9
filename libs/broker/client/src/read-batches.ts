// A range of a topic, some batches at a time.
//
// Guarantees: every message of `[fromOffset, untilOffset)` once, in order; PROTOCOL_VIOLATION when an offset is missing.
// Batches are lent: their memory is freed when the next ones are asked for, and reads as empty then. A consumer that
// keeps bytes for longer copies them.

import { freeMemory, skipRecords, type RecordBatch } from '@pulses/broker-wire';
import type { FetchEvent } from './fetch-stream';
import { PulsesError } from '@pulses/shared-errors';
import type { BrokerReader } from './broker-reader';

export interface TopicRange {
  readonly topic: string;
  /** '' accepts any. */
  readonly incarnation: string;
  readonly fromOffset: number;
  /** Infinity follows the topic without end. */
  readonly untilOffset: number;
  /** Bytes that the broker may send ahead. */
  readonly creditBytes: number;
  /** Ends the range early. */
  readonly signal?: AbortSignal;
}

/** Yields all batches that have arrived, which may hold one message each. @throws PulsesError of the stream */
export async function* readBatches(
  client: BrokerReader,
  range: TopicRange,
): AsyncGenerator<readonly RecordBatch[], void, undefined> {
  const { topic, incarnation, fromOffset, untilOffset, creditBytes, signal } = range;
  const isStopped = () => signal?.aborted ?? false;
  if (fromOffset >= untilOffset || isStopped()) return;
  const stream = client.fetch(topic, incarnation, fromOffset, creditBytes);
  const stop = () => {
    stream.close();
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    for (let next = fromOffset; next < untilOffset;) {
      const batches: RecordBatch[] = [];
      const events = await stream.nextAll();
      for (const event of events) {
        if (event.kind === 'head' || next >= untilOffset) continue;
        if (event.batch.baseOffset !== next)
          throw new PulsesError(
            'PROTOCOL_VIOLATION',
            `${topic}: offset ${event.batch.baseOffset} came, ${next} was next`,
          );
        batches.push(upTo(event.batch, untilOffset));
        next += event.batch.recordCount;
      }
      if (batches.length > 0) yield batches;
      freeAll(events);
    }
  } catch (error) {
    if (!isStopped()) throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    stream.close();
  }
}

function freeAll(events: readonly FetchEvent[]): void {
  for (const event of events) if (event.kind === 'records') freeMemory(event.memory);
}

function upTo(batch: RecordBatch, untilOffset: number): RecordBatch {
  const recordCount = Math.min(batch.recordCount, untilOffset - batch.baseOffset);
  if (recordCount === batch.recordCount) return batch;
  return { ...batch, recordCount, payload: batch.payload.subarray(0, skipRecords(batch.payload, recordCount)) };
}
