// Messages of readers.

import { id, list, u32, u64 } from '@pulses/shared-binary';
import { incarnationOrAny, topicName } from './common-fields';
import { message, type PayloadField } from './schema';
import { crc32 } from 'node:zlib';

/** A run of stored messages with consecutive offsets and one broker timestamp (milliseconds since the Unix epoch). */
export interface RecordBatch {
  readonly baseOffset: number;
  readonly recordCount: number;
  readonly timestampMs: number;
  readonly payload: Uint8Array;
  /** CRC-32 of the payload: its producer's, where the batch is what was produced. Computed when it is absent and sent. */
  readonly payloadCrc?: number | undefined;
}

/** Written by hand: a response holds hundreds. */
const recordBatch: PayloadField<RecordBatch> = {
  bytesMin: u64.bytesMin + u32.bytesMin + u64.bytesMin + u32.bytesMin + u32.bytesMin,
  write: (writer, { baseOffset, recordCount, timestampMs, payload, payloadCrc = crc32(payload) }, parts) => {
    writer.u64(baseOffset);
    writer.u32(recordCount);
    writer.u64(timestampMs);
    writer.u32(payload.length);
    writer.u32(payloadCrc);
    parts.add(payload);
  },
  read: (reader, attached) => ({
    baseOffset: reader.u64(),
    recordCount: reader.u32(),
    timestampMs: reader.u64(),
    payload: attached.raw(reader.u32()),
    payloadCrc: reader.u32(),
  }),
};

export const FETCH_REQUESTS = {
  /**
   * Opens a stream: `fetch-started`, then `records` while credit lasts and `head` each time everything durable was
   * sent (at once, then every `HEAD_INTERVAL_MS` while idle). Ends with `error`, or `done` after `stop-fetch`.
   */
  fetch: message(4, {
    topic: topicName,
    /** '' accepts any; else the stream fails with TOPIC_UNKNOWN when the topic was made again. */
    incarnation: incarnationOrAny,
    fromOffset: u64,
    /** Payload bytes that the broker may send before it waits for `credit`; a batch may overdraw it once. */
    creditBytes: u32,
  }),
  /** More credit for the fetch stream of the same correlation id. */
  credit: message(5, { bytes: u32 }),
  'stop-fetch': message(6, {}),
};

export const FETCH_RESPONSES = {
  'fetch-started': message(131, { incarnation: id, startOffset: u64, nextOffset: u64 }),
  records: message(132, { batches: list(recordBatch) }),
  /** Every message with an offset below `nextOffset` was sent, and no later one has a timestamp before `clockMs`. */
  head: message(133, { nextOffset: u64, clockMs: u64 }),
};
