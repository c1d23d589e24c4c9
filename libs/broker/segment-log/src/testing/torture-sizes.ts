// How much the random and exhaustive suites of the log do, by scale.

import { SCALE } from '@pulses/testing-scale';

const { sizeOf } = SCALE;

export const sizes = {
  powerCuts: sizeOf({ sample: 20, fault: 500, torture: 20_000 }),
  /** Every n-th call of the script fails, one run for each. */
  failingCallStep: sizeOf({ sample: 163, fault: 1 }),
  /** EDQUOT takes the same path as ENOSPC; injecting it into every n-th call is enough. */
  quotaFaultEvery: sizeOf({ sample: 5, fault: 5, torture: 1 }),
  /** Every n-th call of the script that seals and retires ends it. */
  cutStepOfSeals: sizeOf({ sample: 61, fault: 5, torture: 1 }),
  /** Every n-th length of a journal that ends early. */
  cutStep: sizeOf({ sample: 9, fault: 1 }),
  /** Every n-th bit of a journal of four kilobytes. */
  flipStep: sizeOf({ sample: 37, fault: 1 }),
  flipsAfterKill: sizeOf({ sample: 30, fault: 500 }),
  randomFlips: sizeOf({ sample: 80, fault: 2_000, torture: 10_000 }),
  damagedPages: sizeOf({ sample: 40, fault: 500, torture: 5_000 }),
  slowReaders: sizeOf({ sample: 10, fault: 100, torture: 2_000 }),
  nestedRecoveries: sizeOf({ sample: 10, fault: 50, torture: 500 }),
  timeoutMs: sizeOf({ sample: 180_000, fault: 900_000, torture: 3_600_000 }),
};
