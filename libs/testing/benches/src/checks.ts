// What every bench needs: sizes, waiting, and checks of its result.

import { until as untilReached } from '@pulses/testing-processes';

/** True for the smallest sizes: results are checked, times mean nothing. */
export const isSmoke = process.env['SMOKE'] === '1';

/** A guard against a hang, not a measure. */
const WAIT_MS_MAX = isSmoke ? 60_000 : 1_800_000;

/** The full or the smoke size. An environment variable, where one is named, overrides the full size. */
export function sized(full: number, smoke: number, variable?: string): number {
  if (isSmoke) return smoke;
  const given = variable === undefined ? undefined : process.env[variable];
  if (given === undefined || given === '') return full;
  const size = Number(given);
  if (!Number.isSafeInteger(size) || size < 1)
    throw new TypeError(`${variable} must be a positive integer, got ${given}`);
  return size;
}

/** @throws Error that names the wrong value; the bench fails */
export function check(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) throw new Error(`${what} is ${String(actual)}; it should be ${String(expected)}`);
}

/** Polls until the condition holds. @throws Error when it never does */
export function until(isReached: () => boolean | Promise<boolean>): Promise<void> {
  return untilReached(isReached, WAIT_MS_MAX);
}
