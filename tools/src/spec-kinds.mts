// What a spec file is: by its name, and by what it imports.

/** `plain` is `x.spec.ts`; `docs` compares a document with the code. */
export type SpecKind = 'plain' | 'int' | 'fault' | 'docs';

/** A spec whose size and seeds come from the scale: itself, through a module `testing/…-sizes`, or by a conformance suite. */
const RANDOM =
  /from '(?:@pulses\/testing-(?:scale|(?:aggregation|broker-log)-conformance)|\.{1,2}\/[\w./-]*testing\/[\w-]*sizes)'/;

export function kindOf(path: string, text: string): { readonly kind: SpecKind; readonly isRandom: boolean } {
  const suffix = /\.(int|fault|docs)\.spec\.ts$/.exec(path)?.[1] as Exclude<SpecKind, 'plain'> | undefined;
  return { kind: suffix ?? 'plain', isRandom: RANDOM.test(text) };
}

const DAY_MS = 86_400_000;
/** Prime, so that a day's run of seeds meets no other day's, and each remainder comes up. */
const SEEDS_A_DAY = 99_991;

/** The first seed of the day, in UTC. */
export function seedOfDay(nowMs: number): number {
  return (Math.floor(nowMs / DAY_MS) * SEEDS_A_DAY) % 2 ** 31;
}
