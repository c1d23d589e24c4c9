// A log line for each change of the readiness, for operators without a probe.

import type { Clock, Logger, Timer } from '@pulses/shared-ports';
import type { Readiness } from './http-server';

const CHECK_MS = 1_000;

/** Logs when a service that was ready no longer is, and when it is again. */
export function watchReadiness(readiness: () => Readiness, logger: Logger, clock: Clock): { stop(): void } {
  let wasReady: boolean | undefined;
  let timer: Timer | undefined;
  const check = () => {
    const now = readiness();
    if (wasReady === true && !now.ready) logger.warn({ reason: now.reason }, 'not ready');
    if (wasReady === false && now.ready) logger.info({}, 'ready again');
    // What comes before the first readiness is the start, which has lines of its own.
    if (now.ready || wasReady !== undefined) wasReady = now.ready;
    timer = clock.setTimer(CHECK_MS, check, { keepAlive: false });
  };
  check();
  return { stop: () => timer?.cancel() };
}
