// Fair scheduler: shares ticks of the event loop among waiters of one kind of work.
//
// Guarantees: first come, first served. The share of a tick grows with the queue, so every waiter runs within about
// 100 ticks. Between two full shares the loop yields for `restMs` while `mustRest` holds, so that the threads of
// a commit get a core.

import type { Clock } from '@pulses/shared-ports';

/** A share is at least this part of the queue. */
const QUEUE_SHARES = 32;

export interface FairScheduler {
  /** Resolves when the caller may run. */
  take(): Promise<void>;
}

export interface FairSchedulerOptions {
  readonly clock: Clock;
  /** Callers that run in one tick, while at most 32 times as many wait. */
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
