// Payloads: messages back to back, each followed by one line feed.

import { PulsesError } from '@pulses/shared-errors';
import { violation } from './body';
import { TOPIC_NAME_BYTES_MAX } from './limits';
import { crc32 } from 'node:zlib';

const LINE_FEED = 10;

/** A payload with the checksum that its sender gives it. */
export function payloadOf(payload: Uint8Array): { readonly payloadCrc: number; readonly payload: Uint8Array } {
  return { payloadCrc: crc32(payload), payload };
}

/** @throws PulsesError PROTOCOL_VIOLATION or MESSAGE_TOO_LARGE unless `payload` is `recordCount` messages within the limit */
export function checkPayload(payload: Uint8Array, recordCount: number, messageBytesMax: number): void {
  if (recordCount === 0) throw violation('no message was sent');
  let start = 0;
  let count = 0;
  while (start < payload.byteLength) {
    const end = payload.indexOf(LINE_FEED, start);
    if (end < 0) throw violation('the last message has no line end');
    if (end === start) throw violation('a message is empty');
    if (end - start > messageBytesMax)
      throw new PulsesError(
        'MESSAGE_TOO_LARGE',
        `a message of ${end - start} bytes; at most ${messageBytesMax} are allowed`,
      );
    count += 1;
    start = end + 1;
  }
  if (count !== recordCount) throw violation(`${recordCount} messages announced, ${count} sent`);
}

/** Position behind the line end of the `count`-th message. */
export function skipRecords(payload: Uint8Array, count: number): number {
  let position = 0;
  for (let skipped = 0; skipped < count; skipped += 1) {
    const end = payload.indexOf(LINE_FEED, position);
    if (end < 0) throw new RangeError(`the payload holds ${skipped} messages, not ${count}`);
    position = end + 1;
  }
  return position;
}

/** Where each message ends (the position of its line feed), in `into` when that is long enough. */
export function recordEnds(payload: Uint8Array, recordCount: number, into?: Int32Array): Int32Array {
  const ends = into !== undefined && into.length >= recordCount ? into : new Int32Array(recordCount);
  let position = 0;
  for (let index = 0; index < recordCount; index += 1) {
    const end = payload.indexOf(LINE_FEED, position);
    if (end < 0) throw new RangeError(`the payload holds ${index} messages, not ${recordCount}`);
    ends[index] = end;
    position = end + 1;
  }
  return ends;
}

/** @throws PulsesError TOPIC_INVALID */
export function checkTopicName(name: string): void {
  if (name.length === 0 || name.length > TOPIC_NAME_BYTES_MAX) throw new PulsesError('TOPIC_INVALID');
  let isAscii = true;
  for (let index = 0; index < name.length; index += 1) {
    const unit = name.charCodeAt(index);
    if (unit < 0x20 || (unit >= 0x7f && unit < 0xa0)) throw new PulsesError('TOPIC_INVALID'); // the control characters
    if (unit > 0x7f) isAscii = false;
  }
  if (isAscii) return;
  // A lone surrogate has no UTF-8 of its own, so two such names could become one.
  if (Buffer.byteLength(name) > TOPIC_NAME_BYTES_MAX || !name.isWellFormed()) throw new PulsesError('TOPIC_INVALID');
}
