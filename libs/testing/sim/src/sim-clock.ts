// A clock that stands still until a test moves it.
//
// Guarantees: timers run in the order of their due times, and in the order they were set when due together. Between two
// timers all pending promises and events run.

import type { Clock, Timer } from '@pulses/shared-ports';

export interface SimClock extends Clock {
  /** Advances both clocks and runs the timers that fall due. */
  advance(ms: number): Promise<void>;
  /** Moves only the wall clock, in either direction. */
  jumpWall(ms: number): void;
  /** Pending timers. */
  readonly timerCount: number;
}

/** Lets promises and pending events run. */
export function settle(turns = 5): Promise<void> {
  return new Promise((resolve) => {
    const turn = (left: number): void => {
      if (left === 0) resolve();
      else setImmediate(turn, left - 1);
    };
    turn(turns);
  });
}

/** @param startMs initial wall clock, in milliseconds since the Unix epoch */
export function createSimClock(startMs = 1_700_000_000_000): SimClock {
  interface Waiting {
    readonly dueMs: number;
    readonly order: number;
    run(): void;
  }
  let elapsedMs = 0;
  let wallShiftMs = 0;
  let order = 0;
  const timers = new Set<Waiting>();

  const nextDue = (limitMs: number): Waiting | undefined => {
    let next: Waiting | undefined;
    for (const timer of timers) {
      if (timer.dueMs > limitMs) continue;
      if (next === undefined || timer.dueMs < next.dueMs || (timer.dueMs === next.dueMs && timer.order < next.order)) {
        next = timer;
      }
    }
    return next;
  };

  return {
    nowMs: () => Math.floor(startMs + elapsedMs + wallShiftMs),
    monotonicMs: () => elapsedMs,
    setTimer: (delayMs, run): Timer => {
      const timer: Waiting = { dueMs: elapsedMs + Math.max(0, delayMs), order: (order += 1), run };
      timers.add(timer);
      return {
        cancel: () => {
          timers.delete(timer);
        },
      };
    },
    advance: async (ms) => {
      const targetMs = elapsedMs + ms;
      await settle();
      for (let timer = nextDue(targetMs); timer !== undefined; timer = nextDue(targetMs)) {
        timers.delete(timer);
        elapsedMs = Math.max(elapsedMs, timer.dueMs);
        timer.run();
        await settle();
      }
      elapsedMs = targetMs;
      await settle();
    },
    jumpWall: (ms) => {
      wallShiftMs += ms;
    },
    get timerCount() {
      return timers.size;
    },
  };
}
