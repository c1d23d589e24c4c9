// A range of a topic, some batches at a time.
//
// Guarantees: every message of `[fromOffset, untilOffset)` once, in order; PROTOCOL_VIOLATION when an offset is missing.

import { freeMemory, skipRecords, type RecordBatch } from '@pulses/broker-wire';
import type { FetchEvent } from './fetch-stream';
import { PulsesError } from '@pulses/shared-errors';
import type { BrokerReader } from './broker-reader';

export interface TopicRange {
  readonly topic: string;
  /** '' reads whichever the topic has. */
  readonly incarnation: string;
  readonly fromOffset: number;
  /** May be Infinity: then it never ends by itself. */
  readonly untilOffset: number;
  /** Bytes that may be on their way. */
  readonly creditBytes: number;
  /** The batches are lent: when the next ones are asked for, these may be empty, their memory given back. */
  readonly isLent?: boolean;
  /** Ends the range early. */
  readonly signal?: AbortSignal;
}

/** As many batches at a time as have arrived; they may be of a message each. @throws PulsesError of the stream */
export async function* readBatches(
  client: BrokerReader,
  range: TopicRange,
): AsyncGenerator<readonly RecordBatch[], void, undefined> {
  const { topic, incarnation, fromOffset, untilOffset, creditBytes, isLent = false, signal } = range;
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
      if (isLent) freeAll(events);
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

/** The messages of a batch as text. */
export function linesOf({ payload }: RecordBatch): string[] {
  const lines = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8').split('\n');
  lines.pop();
  return lines;
}
