import { describe, expect, it } from '@jest/globals';
import type { Appended } from './entries';
import { encodeFrame } from './frame';

const HEADER = { lsn: 1, syncedUpTo: 0, timestampMs: 1, previousCrc: 0, seed: 0 };

function payload(bytes: Uint8Array, start: number, length: number): Appended {
  return { kind: 'appended', topicId: 1, baseOffset: 0, recordCount: 1, length, bytes, start, producer: undefined };
}

/** Which payloads have stayed in the buffer that they came in. */
function stayed(received: Uint8Array, entries: Appended[]): boolean[] {
  encodeFrame(HEADER, entries);
  return entries.map(({ bytes }) => bytes === received);
}

describe('payloads of a frame', () => {
  it('stay where they came in when together they are most of that', () => {
    const received = Buffer.alloc(10_000);
    expect(stayed(received, [payload(received, 0, 3_000), payload(received, 4_000, 3_000)])).toEqual([true, true]);
  });

  it('are copied when they are small, and then do not keep their larger neighbours where they are', () => {
    const received = Buffer.alloc(64_000);
    const small = Array.from({ length: 50 }, (_, index) => payload(received, index * 1_000, 1_000));
    expect(stayed(received, [...small, payload(received, 50_000, 2_000)])).toEqual(Array.from({ length: 51 }, () => false));
  });
});
