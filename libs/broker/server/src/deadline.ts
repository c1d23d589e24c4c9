// A time limit that is set far more often than it runs out: setting it again does not touch the timer.
//
// Guarantees: `onExpired` runs once for each `start`, not before `limitMs` have passed since the last one, on the
// monotonic clock. It may run late, when the process was busy or stopped.

import type { Clock, Timer } from '@pulses/shared-ports';

export interface Deadline {
  /** Sets the limit from now on, also when it was set before. */
  start(): void;
  /** Lifts the limit; cheap, the timer runs out by itself. */
  stop(): void;
  /** Lifts the limit and gives the timer up. */
  dispose(): void;
  /** True when the limit is set and has passed, whether or not the timer has run yet. */
  readonly hasPassed: boolean;
}

export function createDeadline(clock: Clock, limitMs: number, onExpired: () => void): Deadline {
  let dueMs: number | undefined;
  let timer: Timer | undefined;

  const arm = (delayMs: number): void => {
    timer = clock.setTimer(
      delayMs,
      () => {
        timer = undefined;
        if (dueMs === undefined) return;
        const leftMs = dueMs - clock.monotonicMs();
        if (leftMs > 0) {
          arm(Math.ceil(leftMs));
          return;
        }
        dueMs = undefined;
        onExpired();
      },
      { keepAlive: false },
    );
  };

  return {
    start: () => {
      dueMs = clock.monotonicMs() + limitMs;
      if (timer === undefined) arm(limitMs);
    },
    stop: () => {
      dueMs = undefined;
    },
    dispose: () => {
      dueMs = undefined;
      timer?.cancel();
      timer = undefined;
    },
    get hasPassed() {
      return dueMs !== undefined && clock.monotonicMs() >= dueMs;
    },
  };
}
