// What every bench does: a size for each purpose, waiting, and refusing a result that is wrong.

import { until as untilReached } from '@pulses/testing-processes';

/** True where results are checked and times do not matter. */
export const isSmoke = process.env['SMOKE'] === '1';

/** A guard against what never ends, not a measure. */
const WAIT_MS_MAX = isSmoke ? 60_000 : 1_800_000;

/** A size by purpose. An environment variable, where one is named, sets the full size. */
export function sized(full: number, smoke: number, variable?: string): number {
  if (isSmoke) return smoke;
  const given = variable === undefined ? undefined : process.env[variable];
  if (given === undefined || given === '') return full;
  const size = Number(given);
  if (!Number.isSafeInteger(size) || size < 1)
    throw new TypeError(`${variable} must be a whole number from 1 on, got ${given}`);
  return size;
}

/** @throws Error that says what is wrong; a bench that throws has failed */
export function check(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) throw new Error(`${what} is ${String(actual)}; it should be ${String(expected)}`);
}

/** Asks again and again until it is so. @throws Error when it never is */
export function until(isReached: () => boolean | Promise<boolean>): Promise<void> {
  return untilReached(isReached, WAIT_MS_MAX);
}
