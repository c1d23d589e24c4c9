import { describe, expect, it } from '@jest/globals';
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './consumer-protocol';

describe('the subscription of a member', () => {
  const subscription = { topic: 's', owned: [1, 258], generation: 7 };
  const hex = '0002 00000001 0001 73 ffffffff 00000001 0001 73 00000002 00000001 00000102 00000007'.replaceAll(' ', '');

  it('is the bytes of version 2', () => {
    expect(encodeSubscription(subscription).toString('hex')).toBe(hex);
    expect(decodeSubscription(Buffer.from(hex, 'hex'))).toEqual(subscription);
  });

  it('is read in older and newer versions', () => {
    const older = Buffer.from('0000000000010001 73ffffffff'.replaceAll(' ', ''), 'hex');
    expect(decodeSubscription(older)).toEqual({ topic: 's', owned: [], generation: -1 });
    const newer = Buffer.from(`0003${hex.slice(4)}ffff`, 'hex');
    expect(decodeSubscription(newer)).toEqual(subscription);
  });

  it('is refused when it is cut short', () => {
    const bytes = Buffer.from(hex, 'hex');
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodeSubscription(bytes.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }),
      );
    }
  });

  it('is refused when it announces more than it holds', () => {
    expect(() => decodeSubscription(Buffer.from('00027fffffff', 'hex'))).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }),
    );
  });
});

describe('the assignment of a member', () => {
  it('is the bytes of version 0', () => {
    const bytes = encodeAssignment('s', [3]);
    expect(bytes.toString('hex')).toBe('0000000000010001730000000100000003ffffffff');
    expect(decodeAssignment(bytes, 's')).toEqual([3]);
  });

  it('is empty without partitions, for another topic and without bytes', () => {
    expect(decodeAssignment(encodeAssignment('s', []), 's')).toEqual([]);
    expect(decodeAssignment(encodeAssignment('other', [1]), 's')).toEqual([]);
    expect(decodeAssignment(Buffer.alloc(0), 's')).toEqual([]);
  });
});
