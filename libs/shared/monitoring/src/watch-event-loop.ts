// The lag of the event loop: how late its timers run.
//
// Node's own monitor reports the time between two samples, so its sampling interval is in every value.

import type { Clock } from '@pulses/shared-ports';

/** Four wake-ups a second cost about 0.01 % of a core. */
const SAMPLE_MS = 250;

/** Reports the lag in seconds at each sample, about 0 when the process is idle. Runs as long as the process. */
export function watchEventLoop(clock: Clock, report: (seconds: number) => void): void {
  const sample = () => {
    const dueMs = clock.monotonicMs() + SAMPLE_MS;
    const run = () => {
      // Timers count whole milliseconds, and may be due a fraction of one early.
      report(Math.max(0, clock.monotonicMs() - dueMs) / 1000);
      sample();
    };
    clock.setTimer(SAMPLE_MS, run, { keepAlive: false });
  };
  sample();
}
