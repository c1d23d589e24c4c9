import { describe, expect, it } from '@jest/globals';
import { hashCoefficients, hashRanges } from './key-hash';

/** A key of one range, hashed to `bits` bits. */
function topBits(coefficients: Int32Array, key: Uint8Array, bits: number): number {
  return hashRanges(coefficients, key, 0, key.length, 0, 0, 0, 0) >>> (32 - bits);
}

describe('the key hash', () => {
  it('depends on the bytes of the ranges, not on their position', () => {
    const coefficients = hashCoefficients(3, 4);
    const near = Buffer.from('tenantskuunit');
    const far = Buffer.from('..unit..sku..tenant');
    expect(hashRanges(coefficients, near, 0, 6, 6, 9, 9, 13)).toBe(hashRanges(coefficients, far, 13, 19, 8, 11, 2, 6));
  });

  it('spreads keys that differ in few bits almost evenly, for each of many seeds', () => {
    // 4,096 keys over 4,096 cells. At random about 1/e of the cells stay empty, and 10 keys in one cell are rare.
    const keys = Array.from({ length: 4096 }, (_, i) => Buffer.from([i & 15, 0, (i >> 4) & 15, 0, i >> 8, 0, 0]));
    let emptyShare = 0;
    const seeds = 20;
    for (let seed = 0; seed < seeds; seed++) {
      const coefficients = hashCoefficients(seed, ~seed);
      const cells = new Int32Array(4096);
      for (const key of keys) cells[topBits(coefficients, key, 12)]!++;
      emptyShare += cells.filter((count) => count === 0).length / 4096 / seeds;
    }
    expect(emptyShare).toBeGreaterThan(0.1);
    expect(emptyShare).toBeLessThan(0.45);
  });

  it('lets two given keys collide no more than by chance, even when they differ only in zeros and length', () => {
    const pairs = [
      [Buffer.from([0]), Buffer.from([0, 0])],
      [Buffer.from('aaaaaaaa'), Buffer.from('aaaaaaba')],
      [Buffer.from('abababab'), Buffer.from('babababa')],
      [Buffer.from([0x80, 0x80]), Buffer.from([0, 0])],
    ] as const;
    const seeds = 1000;
    const collisions = pairs.map(() => 0);
    for (let seed = 0; seed < seeds; seed++) {
      const coefficients = hashCoefficients(seed, Math.imul(seed, 0x9e3779b1));
      for (const [index, [one, other]] of pairs.entries())
        if (topBits(coefficients, one, 6) === topBits(coefficients, other, 6)) collisions[index]!++;
    }
    // The bound of universality is 2 * 2^-6: 31 of 1,000.
    for (const count of collisions) expect(count).toBeLessThan(40);
  });
});
