// Retrying with exponential backoff and full jitter (Brooker, "Exponential Backoff And Jitter", 2015).

import { isPulsesError } from '@pulses/shared-errors';
import type { Clock, Random } from '@pulses/shared-ports';
import { delay } from './delay';

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Upper bound of the first wait. It doubles with each attempt, up to `delayMsMax`. */
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  /** Called before each wait. */
  onRetry?(error: unknown, attempt: number, delayMs: number): void;
}

/** The wait after failed attempt number `attempt`, from 1: uniform between 0 and the doubling bound. */
export function backoffMs(
  attempt: number,
  { random, delayMsMin, delayMsMax }: Pick<RetryOptions, 'random' | 'delayMsMin' | 'delayMsMax'>,
): number {
  return random.fraction() * Math.min(delayMsMax, delayMsMin * 2 ** Math.min(attempt - 1, 30));
}

/**
 * Runs `action` until it succeeds.
 * @throws the first failure that is not a retriable PulsesError; the signal's reason when it aborts
 */
export async function retry<Result>(action: () => Promise<Result>, options: RetryOptions): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    options.signal.throwIfAborted();
    try {
      return await action();
    } catch (error) {
      if (!isPulsesError(error) || !error.retriable) throw error;
      const delayMs = backoffMs(attempt, options);
      options.onRetry?.(error, attempt, delayMs);
      await delay(delayMs, options.clock, options.signal);
    }
  }
}
