// How much the random suites do, by scale.

import { SCALE } from '@pulses/testing-scale';

const { sizeOf } = SCALE;

export const sizes = {
  flips: sizeOf({ sample: 60, fault: 1_500, torture: 20_000 }),
  repairs: sizeOf({ sample: 40, fault: 800, torture: 10_000 }),
  crashes: sizeOf({ sample: 20, fault: 400, torture: 10_000 }),
  timeoutMs: sizeOf({ sample: 180_000, fault: 900_000, torture: 7_200_000 }),
};
