// Reports why connections are refused or ended: each is counted, and logged at a bounded rate.
//
// Guarantees: the first refusal of a kind is logged at once. Those that follow within `intervalMs` are summed up in one
// line at its end. So the lines of a flood tell its size and its latest peer.

import type { Clock, Logger, Timer } from '@pulses/shared-ports';
import type { RefusalReason, ServerObserver } from '../observer';

export interface Refusals {
  /** @param message a kind of its own, so one of a fixed set */
  report(reason: RefusalReason, fields: object, message: string): void;
  /** Sums up what is not logged yet. */
  close(): void;
}

/** Reasons that an operator has to look at. */
const WARNED: ReadonlySet<RefusalReason> = new Set(['overloaded', 'unauthenticated']);

interface Flood {
  readonly reason: RefusalReason;
  readonly timer: Timer;
  count: number;
  fields: object;
}

export function createRefusals(
  clock: Clock,
  logger: Pick<Logger, 'info' | 'warn'>,
  observer: Pick<ServerObserver, 'connectionRefused'>,
  intervalMs: number,
): Refusals {
  const floods = new Map<string, Flood>();

  const log = (reason: RefusalReason, fields: object, message: string): void => {
    if (WARNED.has(reason)) logger.warn(fields, message);
    else logger.info(fields, message);
  };

  const sumUp = (message: string): Flood | undefined => {
    const flood = floods.get(message);
    floods.delete(message);
    if (flood === undefined || flood.count === 0) return undefined;
    log(flood.reason, { ...flood.fields, more: flood.count }, message);
    return flood;
  };

  const watch = (reason: RefusalReason, message: string): void => {
    const timer = clock.setTimer(
      intervalMs,
      () => {
        if (sumUp(message) !== undefined) watch(reason, message);
      },
      { keepAlive: false },
    );
    floods.set(message, { reason, timer, count: 0, fields: {} });
  };

  return {
    report: (reason, fields, message) => {
      observer.connectionRefused(reason);
      const flood = floods.get(message);
      if (flood === undefined) {
        log(reason, { ...fields, reason }, message);
        watch(reason, message);
      } else {
        flood.count += 1;
        flood.fields = { ...fields, reason };
      }
    },
    close: () => {
      for (const [message, { timer }] of [...floods]) {
        timer.cancel();
        sumUp(message);
      }
    },
  };
}
