import { describe, expect, it } from '@jest/globals';
import { createSimRandom } from './sim-random';

const draw = (seed: number, count: number) => {
  const random = createSimRandom(seed);
  return Array.from({ length: count }, () => random.fraction());
};

describe('simulated randomness', () => {
  it('returns the same numbers for the same seed', () => {
    expect(draw(42, 1000)).toEqual(draw(42, 1000));
    expect(createSimRandom(7).bytes(64)).toEqual(createSimRandom(7).bytes(64));
  });

  it('returns different numbers for different seeds', () => {
    const firsts = Array.from({ length: 1000 }, (_, seed) => draw(seed, 1)[0]);
    expect(new Set(firsts).size).toBe(1000);
  });

  // Computed by the published C code of mulberry32.
  it('is mulberry32', () => {
    expect(draw(1, 3).map((fraction) => fraction * 2 ** 32)).toEqual([2693262067, 11749833, 2265367787]);
  });

  it('returns fractions spread evenly over [0, 1)', () => {
    const fractions = draw(3, 100_000);
    expect(fractions.every((fraction) => fraction >= 0 && fraction < 1)).toBe(true);
    const tenths = Array<number>(10).fill(0);
    for (const fraction of fractions) tenths[Math.floor(fraction * 10)]! += 1;
    for (const count of tenths) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  it('returns the requested number of bytes, of every value', () => {
    const bytes = createSimRandom(5).bytes(10_000);
    expect(bytes.byteLength).toBe(10_000);
    expect(new Set(bytes).size).toBe(256);
    expect(createSimRandom(5).bytes(0).byteLength).toBe(0);
  });
});
