// How much a random or exhaustive suite does, and from which seed.
//
// PULSES_TEST_SCALE: `sample` in each `npm test`, `fault` in `npm run test:all`, `torture` in the nightly run.
// PULSES_TEST_SEED: the first seed, 1 by default. tools/src/run-specs.mts sets it to a number that changes each day.
//
// Guarantees: the same variables give the same seeds and samples, so a failure repeats. A seed changes which cases run, never
// how many: expectations over many cases hold for each seed.

export type ScaleName = 'sample' | 'fault' | 'torture';

export interface Scale {
  readonly name: ScaleName;
  /** The first seed. */
  readonly seed: number;
  /** `seed 7 (PULSES_TEST_SEED=7)`: for names of tests. */
  readonly note: string;
  /** The size for this scale; torture defaults to that of `fault`. */
  sizeOf(sizes: { readonly sample: number; readonly fault: number; readonly torture?: number }): number;
  /** `count` seeds in a row. */
  seeds(count: number): number[];
  /** Every `step`th item; the seed decides which one is first. */
  everyNth<Item>(items: readonly Item[], step: number): Item[];
}

const NAMES: readonly string[] = ['sample', 'fault', 'torture'] satisfies ScaleName[];

/** @throws TypeError for an unknown scale or a seed that is no whole number */
export function createScale(env: Readonly<Record<string, string | undefined>>): Scale {
  const name = env['PULSES_TEST_SCALE'] ?? 'sample';
  if (!isScaleName(name)) throw new TypeError(`PULSES_TEST_SCALE is ${name}; it must be one of ${NAMES.join(', ')}`);
  const seed = Number(env['PULSES_TEST_SEED'] ?? 1);
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new TypeError(`PULSES_TEST_SEED is ${env['PULSES_TEST_SEED']}; it must be a whole number`);
  return {
    name,
    seed,
    note: `seed ${seed} (PULSES_TEST_SEED=${seed})`,
    sizeOf: ({ sample, fault, torture = fault }) => ({ sample, fault, torture })[name],
    seeds: (count) => Array.from({ length: count }, (_, index) => seed + index),
    everyNth: (items, step) => items.filter((_, index) => index % step === seed % step),
  };
}

function isScaleName(name: string): name is ScaleName {
  return NAMES.includes(name);
}

/** The scale of this process. */
export const SCALE: Scale = createScale(process.env);
