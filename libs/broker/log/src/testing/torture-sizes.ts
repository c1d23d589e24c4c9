// How much the fault suites do: a little in every test run, all of it with TORTURE=1 (`nx run broker-log:torture`).
// TORTURE_SEED=n runs the one seed that a failure has named.

const isTorture = process.env['TORTURE'] === '1';

const of = (always: number, torture: number): number => (isTorture ? torture : always);

export const sizes = {
  powerCuts: of(500, 20_000),
  /** EDQUOT goes the way of ENOSPC, so every so manieth call of it is enough. */
  quotaFaultEvery: of(5, 1),
  randomFlips: of(2_000, 10_000),
  damagedPages: of(500, 5_000),
  nestedRecoveries: of(50, 500),
  fillings: of(10, 100),
  repairs: of(15, 1_000),
  flipsFound: of(1, 100),
  timeoutMs: of(900_000, 3_600_000),
};

/** `count` seeds, or the one asked for. */
export function seedsOf(count: number): number[] {
  const one = process.env['TORTURE_SEED'];
  return one === undefined ? Array.from({ length: count }, (_, index) => index + 1) : [Number(one)];
}
