// The log of a retry loop: a line a reason, not a line an attempt.
//
// Guarantees: a failure is news at the first attempt, and when its reason is a new one since then. So several servers that
// fail in turn have a line each. Reasons that are known are news once in `REPEATED_AFTER_MS`, all together.
// Bounds: `REASONS_MAX` reasons; further ones count as known.

import { isPulsesError } from '@pulses/shared-errors';
import type { Clock, Logger } from '@pulses/shared-ports';

export const REPEATED_AFTER_MS = 60_000;
const REASONS_MAX = 16;

/** What a retry loop has told of its failures. */
export class RetryNews {
  readonly #clock: Clock;
  /** Since the first attempt. */
  readonly #reasons = new Set<string>();
  #toldAtMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Whether the failure is worth a line; if so it counts as told.
   * @param attempt failures since the last success, from 1
   */
  isNews(reason: string, attempt: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (attempt <= 1) this.#reasons.clear();
    const isKnown = this.#reasons.has(reason) || this.#reasons.size === REASONS_MAX;
    if (isKnown && nowMs - this.#toldAtMs < REPEATED_AFTER_MS) return false;
    if (!isKnown) this.#reasons.add(reason);
    this.#toldAtMs = nowMs;
    return true;
  }
}

/** A warning with the number of attempts for each failure that is news, a debug line for the others. */
export function retryLog(
  logger: Pick<Logger, 'warn' | 'debug'>,
  clock: Clock,
  message: string,
): (error: unknown, attempt: number, delayMs: number) => void {
  const news = new RetryNews(clock);
  return (error, attempt, delayMs) => {
    const [code, reason] = isPulsesError(error) ? [error.code, error.message] : [undefined, String(error)];
    const fields = { code, reason, attempt, delayMs: Math.round(delayMs) };
    if (news.isNews(`${code} ${reason}`, attempt)) logger.warn(fields, message);
    else logger.debug(fields, message);
  };
}
