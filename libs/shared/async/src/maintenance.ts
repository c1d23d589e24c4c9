// Work that comes back again and again.

import type { Clock, Timer } from '@pulses/shared-ports';

export interface MaintenanceTimes {
  /** From now to the first time. */
  readonly firstMs: number;
  /** From the end of one time to the next. */
  readonly everyMs: number;
}

export interface Maintenance {
  /** No work begins any more; resolves once the work under way has ended. */
  stop(): Promise<void>;
}

/** `work` does not reject. */
export function startMaintenance(
  clock: Clock,
  { firstMs, everyMs }: MaintenanceTimes,
  work: () => Promise<void>,
): Maintenance {
  let timer: Timer | undefined;
  let isStopped = false;
  let working = Promise.resolve();

  const workIn = (delayMs: number): void => {
    if (isStopped) return;
    const begin = (): void => {
      working = work();
      void working.then(() => {
        workIn(everyMs);
      });
    };
    timer = clock.setTimer(delayMs, begin, { keepAlive: false });
  };
  workIn(firstMs);

  return {
    stop: () => {
      isStopped = true;
      timer?.cancel();
      return working;
    },
  };
}
