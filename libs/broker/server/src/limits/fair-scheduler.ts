// Limits how much of one kind of work runs in a turn of the event loop, so that other work runs between.
//
// Guarantees: first come, first served. The share of a turn grows with the queue, so every caller runs within about a
// hundred turns. Between two full shares the loop rests while a commit is in progress. The I/O threads wake on the core
// of the main thread, and would wait behind it for a slice of the scheduler's time.

import type { Clock } from '@pulses/shared-ports';

/** A share is at least this part of the queue. */
const QUEUE_SHARES = 32;

export interface FairScheduler {
  /** Resolves when it is the caller's turn. */
  take(): Promise<void>;
}

export interface FairSchedulerOptions {
  readonly clock: Clock;
  /** Callers that run in one turn of the event loop; more when over 32 times as many wait. */
  readonly perTurn: number;
  readonly restMs: number;
  readonly mustRest: () => boolean;
}

export function createFairScheduler({ clock, perTurn, restMs, mustRest }: FairSchedulerOptions): FairScheduler {
  let taken = 0;
  let waiting: (() => void)[] = [];
  let isScheduled = false;

  const schedule = (isFull: boolean): void => {
    if (isScheduled) return;
    isScheduled = true;
    if (isFull && mustRest()) clock.setTimer(restMs, begin, { keepAlive: false });
    else setImmediate(begin);
  };

  const begin = (): void => {
    isScheduled = false;
    const share = Math.max(perTurn, Math.ceil(waiting.length / QUEUE_SHARES));
    const woken = waiting.slice(0, share);
    waiting = waiting.slice(share);
    taken = woken.length;
    if (taken > 0) schedule(taken === share);
    for (const wake of woken) wake();
  };

  return {
    take: () => {
      schedule(false);
      if (taken < perTurn && waiting.length === 0) {
        taken += 1;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        waiting.push(resolve);
      });
    },
  };
}
