import { describe, expect, it } from '@jest/globals';
import { createArena } from './arena';
import { createTail } from './tail';

const PLACE = { lsn: 1, segmentFirstLsn: 1, position: 64, length: 100 };

describe('the tail', () => {
  it('lets a batch go alone: one that has grown old must not keep all that follow on it', () => {
    const tail = createTail(0, createArena());
    const push = (baseOffset: number) =>
      tail.push(
        { kind: 'appended', topicId: 1, baseOffset, recordCount: 1, length: 10, bytes: new Uint8Array(0), start: 0, producer: undefined },
        { place: PLACE, payloadAt: 0, timestampMs: 1 },
      );
    const [first, second, third] = [push(0), push(1), push(2)];
    expect(first.next).toBe(second);
    tail.release(second);
    expect(second.next).toBe(third); // the one before it is still to be written
    tail.release(first);
    expect([first.next, second.next]).toEqual([undefined, undefined]);
  });
});
