// Shares the turns of the event loop: so much of one kind of work in each, so that everybody else gets on between.
//
// Guarantees: first come, first served. Where a turn's share was taken whole while there is something that must not wait
// for a core, the process rests before the next share: its threads are woken on the core of the one that never sleeps, and
// would stay behind it for a slice of the scheduler's time.

import type { Clock } from '@pulses/shared-ports';

export interface Turns {
  /** Resolves when it is the caller's turn. */
  take(): Promise<void>;
}

export interface TurnsOptions {
  readonly clock: Clock;
  /** So many callers go on in one turn of the event loop. */
  readonly perTurn: number;
  readonly restMs: number;
  readonly mustRest: () => boolean;
}

export function createTurns({ clock, perTurn, restMs, mustRest }: TurnsOptions): Turns {
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
    const woken = waiting.slice(0, perTurn);
    waiting = waiting.slice(perTurn);
    taken = woken.length;
    if (taken > 0) schedule(taken === perTurn);
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
