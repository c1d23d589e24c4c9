// Work that comes back again and again.

import type { Clock, Timer } from '@pulses/shared-ports';

export interface MaintenanceTimes {
  /** From now to the first time. */
  readonly firstMs: number;
  /** From the end of one time to the next. */
  readonly everyMs: number;
}

/** `work` does not reject. */
export function startMaintenance(
  clock: Clock,
  { firstMs, everyMs }: MaintenanceTimes,
  work: () => Promise<void>,
): { stop(): void } {
  let timer: Timer | undefined;
  let isStopped = false;

  const workIn = (delayMs: number): void => {
    if (isStopped) return;
    timer = clock.setTimer(delayMs, () => void work().then(() => workIn(everyMs)), { keepAlive: false });
  };
  workIn(firstMs);

  return {
    stop: () => {
      isStopped = true;
      timer?.cancel();
    },
  };
}
