import { beforeEach, describe, expect, it } from '@jest/globals';
import { WritesInPlace } from './writes-in-place';

const KIB = 1024;

describe('writes in place', () => {
  let nowMs = 0;
  let writes: WritesInPlace;
  /** A write that takes so long. */
  const write = (tookMs: number, result: () => number = () => 1): number =>
    writes.write(() => {
      nowMs += tookMs;
      return result();
    });

  beforeEach(() => {
    nowMs = 0;
    writes = new WritesInPlace({ monotonicMs: () => nowMs });
  });

  it('are the short ones', () => {
    expect([1, 64 * KIB, 64 * KIB + 1].map((length) => writes.allow(length))).toEqual([true, true, false]);
  });

  it('go on while the disk is quick', () => {
    for (let count = 0; count < 1_000; count += 1) {
      expect(writes.allow(1)).toBe(true);
      expect(write(1)).toBe(1);
    }
  });

  it('pause after a slow one, so that slow ones take a hundredth of the time at most', () => {
    let heldMs = 0;
    for (const tookMs of [1.5, 10, 400]) {
      for (; !writes.allow(1); nowMs += 0.5);
      write(tookMs);
      heldMs += tookMs;
      expect(writes.allow(1)).toBe(false);
    }
    for (; !writes.allow(1); nowMs += 0.5);
    expect(heldMs / nowMs).toBeLessThanOrEqual(0.01);
    expect(heldMs / nowMs).toBeGreaterThan(0.0098);
  });

  it('throw what the system says, and pause after that too', () => {
    const full = (): number => {
      throw new Error('full');
    };
    expect(() => write(2, full)).toThrow('full');
    expect(writes.allow(1)).toBe(false);
  });
});
