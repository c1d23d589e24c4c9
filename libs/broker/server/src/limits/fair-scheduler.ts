// Shares the turns of the event loop: so much of one kind of work in each, so that everybody else gets on between.
//
// Guarantees: first come, first served; everybody who waits has had a turn after about a hundred of them, since a share grows
// with the queue. Between two whole shares of those who waited the process rests, while there is something that must not wait
// for a core: its threads are woken on the core of the one that never sleeps, and would stay behind it for a slice of the
// scheduler's time.

import type { Clock } from '@pulses/shared-ports';

/** A share is at least this part of the queue. */
const QUEUE_SHARES = 32;

export interface FairScheduler {
  /** Resolves when it is the caller's turn. */
  take(): Promise<void>;
}

export interface FairSchedulerOptions {
  readonly clock: Clock;
  /** So many callers go on in one turn of the event loop, when no more than 32 times as many wait. */
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
