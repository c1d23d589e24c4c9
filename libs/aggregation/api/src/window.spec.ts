import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { windowEndOf, windowStartOf } from './window';

/** Any time that a Date can represent. */
const timestampMs = fc.integer({ min: -8.64e15, max: 8.64e15 });
const windowMs = fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 86_400_000 * 31 }));

/** Floor division without binary floating point. */
function floorMultiple(time: number, length: number): bigint {
  const [t, w] = [BigInt(time), BigInt(length)];
  return t - (((t % w) + w) % w);
}

describe('tumbling windows', () => {
  it('include their start and exclude their end', () => {
    expect(windowStartOf(4999, 5000)).toBe(0);
    expect(windowStartOf(5000, 5000)).toBe(5000);
    expect(windowEndOf(5000, 5000)).toBe(10_000);
  });

  it('continue before the epoch without a double or missing window at zero', () => {
    expect(windowStartOf(-1, 5000)).toBe(-5000);
    expect(windowStartOf(-5000, 5000)).toBe(-5000);
    expect(windowStartOf(-5001, 5000)).toBe(-10_000);
    expect(Object.is(windowStartOf(0, 5000), 0)).toBe(true);
    expect(windowEndOf(windowStartOf(-1, 5000), 5000)).toBe(0);
  });

  it('are exact for every time that a date can represent', () => {
    fc.assert(
      fc.property(timestampMs, windowMs, (time, length) => {
        const start = windowStartOf(time, length);
        expect(BigInt(start)).toBe(floorMultiple(time, length));
        expect(start <= time && time < windowEndOf(start, length)).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  it('include the last millisecond before each boundary, also far from the epoch', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e9 }), fc.integer({ min: 1, max: 8_000_000 }), (k, length) => {
        const boundary = k * length;
        expect(windowStartOf(boundary, length)).toBe(boundary === 0 ? 0 : boundary);
        expect(windowStartOf(boundary - 1, length)).toBe(boundary - length === 0 ? 0 : boundary - length);
      }),
    );
  });
});
