// Cuts stored batches to what a reader asked for, at message boundaries.

import { skipRecords, type RecordBatch } from '@pulses/broker-wire';

const LINE_FEED = 0x0a;

/** A batch that may have to be cut: the payload is `bytes[start, start + length)`. */
export interface StoredBatch {
  readonly baseOffset: number;
  readonly recordCount: number;
  readonly timestampMs: number;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly length: number;
  /** CRC of the payload, when it is known. */
  readonly crc: number | undefined;
}

/** The batch from `fromOffset` on, which lies in it. */
export function batchFrom(batch: StoredBatch, fromOffset: number): RecordBatch {
  const { baseOffset, recordCount, timestampMs, bytes, start, length, crc } = batch;
  const payload = bytes.subarray(start, start + length);
  const skipped = fromOffset - baseOffset;
  if (skipped === 0) return { baseOffset, recordCount, timestampMs, payload, payloadCrc: crc };
  return {
    baseOffset: fromOffset,
    recordCount: recordCount - skipped,
    timestampMs,
    payload: payload.subarray(skipRecords(payload, skipped)),
  };
}

/** As many messages of the batch as fit into `bytesMax`, yet at least one. */
function batchUpTo(batch: RecordBatch, bytesMax: number): RecordBatch {
  const { payload } = batch;
  if (payload.length <= bytesMax) return batch;
  const buffer = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  const lastFit = bytesMax > 0 ? buffer.lastIndexOf(LINE_FEED, bytesMax - 1) : -1;
  const end = (lastFit === -1 ? buffer.indexOf(LINE_FEED) : lastFit) + 1;
  return { ...batch, recordCount: countLines(buffer, end), payload: payload.subarray(0, end), payloadCrc: undefined };
}

/** Line ends before `end`. */
function countLines(buffer: Buffer, end: number): number {
  let count = 0;
  let at = buffer.indexOf(LINE_FEED);
  while (at !== -1 && at < end) {
    count += 1;
    at = buffer.indexOf(LINE_FEED, at + 1);
  }
  return count;
}

/** Gathers consecutive batches up to a number of bytes. */
export interface Gathering {
  readonly batches: RecordBatch[];
  /** False when it has no room for the batch, or had to cut it: the reader has enough. */
  add(batch: RecordBatch): boolean;
}

export function createGathering(bytesMax: number): Gathering {
  const batches: RecordBatch[] = [];
  let room = bytesMax;
  return {
    batches,
    add: (batch) => {
      if (batch.payload.length > room && batches.length > 0) return false;
      const taken = batchUpTo(batch, room);
      batches.push(taken);
      room -= taken.payload.length;
      return taken === batch && room > 0;
    },
  };
}
