// The clock and timers of the system.

import type { Clock } from '@pulses/shared-ports';

export const nodeClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, run, options) {
    const timeout = setTimeout(run, delayMs);
    if (options?.keepAlive === false) timeout.unref();
    return {
      cancel: () => {
        clearTimeout(timeout);
      },
    };
  },
};
