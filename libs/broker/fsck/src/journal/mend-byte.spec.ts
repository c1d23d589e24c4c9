import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { createSimRandom } from '@pulses/testing-sim';
import { crc32 } from 'node:zlib';
import { mended } from './mend-byte';

const ROUNDS = SCALE.sizeOf({ sample: 500, fault: 20_000 });

describe(`a wrong byte (${SCALE.note})`, () => {
  const random = createSimRandom(SCALE.seed);
  const below = (end: number): number => Math.floor(random.fraction() * end);

  it('is put right, wherever it is, and in the checksum too', () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const bytes = Uint8Array.from({ length: 1 + below(300) }, () => below(256));
      const seed = below(2 ** 32);
      const crc = crc32(bytes, seed);
      const changed = bytes.slice();
      changed[below(bytes.length)]! ^= 1 + below(255); // in range
      expect(mended(changed, crc, seed)).toEqual(bytes);
      expect(mended(bytes, (crc ^ ((1 + below(255)) << (8 * below(4)))) >>> 0, seed)).toEqual(bytes);
    }
  });

  it('is not made up where there are two', () => {
    let accidents = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const bytes = Uint8Array.from({ length: 64 }, () => below(256));
      const crc = crc32(bytes);
      bytes[below(32)]! ^= 1 + below(255); // in range
      bytes[32 + below(32)]! ^= 1 + below(255); // in range
      if (mended(bytes, crc, 0) !== undefined) accidents += 1;
    }
    expect(accidents).toBeLessThanOrEqual(1);
  });
});
