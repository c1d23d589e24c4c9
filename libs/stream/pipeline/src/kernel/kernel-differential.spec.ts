// The kernel in WebAssembly does what the definition does, with every kind of line. A failure names the line and the seed.

import { describe, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { createSimRandom } from '@pulses/testing-sim';
import { compareKernels } from '../testing/kernel-comparison';

const LINES = SCALE.sizeOf({ sample: 100_000, fault: 1_000_000, torture: 50_000_000 });
const LINES_A_SEED = 20_000;

describe('the kernel in WebAssembly and its definition', () => {
  it(`give the same bytes, sums and stops for ${LINES} lines, ${SCALE.note}`, () => {
    for (const seed of SCALE.seeds(LINES / LINES_A_SEED)) {
      try {
        compareKernels(createSimRandom(seed), LINES_A_SEED);
      } catch (error) {
        throw new Error(`with seed ${seed}`, { cause: error });
      }
    }
  }, 3_600_000);
});
