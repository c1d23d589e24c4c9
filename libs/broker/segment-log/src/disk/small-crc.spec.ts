import { describe, expect, it } from '@jest/globals';
import { createSimRandom } from '@pulses/testing-sim';
import { crc32 } from 'node:zlib';
import { crcOfSome } from './small-crc';

describe('the CRC of a few bytes', () => {
  it('is that of zlib for every length and seed', () => {
    const random = createSimRandom(1);
    const bytes = random.bytes(300);
    for (let length = 0; length <= 200; length += 1) {
      const from = length % 7;
      const seed = Math.floor(random.fraction() * 2 ** 32);
      for (const start of [0, seed]) {
        expect(crcOfSome(bytes, from, from + length, start)).toBe(crc32(bytes.subarray(from, from + length), start));
      }
    }
  });
});
