// Reports what is refused, at a bounded rate in the log. Refused and ended connections are counted as well.
//
// Guarantees: the first refusal of a kind is logged at once. Those that follow within `intervalMs` are summed up in one
// line at its end. So the lines of a flood tell its size and its latest peer.

import type { Clock, Logger, Timer } from '@pulses/shared-ports';
import type { RefusalReason, ServerObserver } from '../observer';

export interface Refusals {
  /** @param message a kind of its own, so one of a fixed set */
  report(reason: RefusalReason, fields: object, message: string): void;
  /** Warns of something else that was refused. @param message a kind of its own */
  warn(fields: object, message: string): void;
  /** Sums up what is not logged yet. */
  close(): void;
}

/** Reasons that an operator has to look at. */
const WARNED: ReadonlySet<RefusalReason> = new Set(['overloaded', 'unauthenticated']);

type Level = 'info' | 'warn';

interface Flood {
  readonly level: Level;
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

  const sumUp = (message: string): Flood | undefined => {
    const flood = floods.get(message);
    floods.delete(message);
    if (flood === undefined || flood.count === 0) return undefined;
    logger[flood.level]({ ...flood.fields, more: flood.count }, message);
    return flood;
  };

  const watch = (level: Level, message: string): void => {
    const timer = clock.setTimer(
      intervalMs,
      () => {
        if (sumUp(message) !== undefined) watch(level, message);
      },
      { keepAlive: false },
    );
    floods.set(message, { level, timer, count: 0, fields: {} });
  };

  const log = (level: Level, fields: object, message: string): void => {
    const flood = floods.get(message);
    if (flood === undefined) {
      logger[level](fields, message);
      watch(level, message);
    } else {
      flood.count += 1;
      flood.fields = fields;
    }
  };

  return {
    report: (reason, fields, message) => {
      observer.connectionRefused(reason);
      log(WARNED.has(reason) ? 'warn' : 'info', { ...fields, reason }, message);
    },
    warn: (fields, message) => {
      log('warn', fields, message);
    },
    close: () => {
      for (const [message, { timer }] of [...floods]) {
        timer.cancel();
        sumUp(message);
      }
    },
  };
}
