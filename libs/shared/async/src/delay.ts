// Waiting on the clock port, so that tests move time by hand.

import type { Clock } from '@pulses/shared-ports';

/** Resolves after `delayMs`. @throws the signal's reason when it aborts */
export function delay(delayMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const abort = () => {
      timer.cancel();
      reject(signal.reason as Error);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    signal.addEventListener('abort', abort, { once: true });
  });
}

/**
 * The value of `promise`, or undefined after `limitMs`. The work behind the promise is not cancelled.
 * @throws the promise's rejection
 */
export async function withTimeout<Result>(
  promise: Promise<Result>,
  limitMs: number,
  clock: Clock,
): Promise<Result | undefined> {
  const settled = new AbortController();
  const limit = delay(limitMs, clock, settled.signal).then(
    () => undefined,
    () => undefined,
  );
  return await Promise.race([promise, limit]).finally(() => {
    settled.abort();
  });
}
