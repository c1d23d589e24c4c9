// Token bucket: limits how often things of one kind may start.
//
// Guarantees: first come, first served. Over any time t at most `burst` + t × `perSecond` start, until `flush`.

import type { Clock } from '@pulses/shared-ports';

export interface TokenBucket {
  /** Calls `start` now, or once a token is free. */
  begin(start: () => void): void;
  /** Starts all that wait. */
  flush(): void;
}

export function createTokenBucket(clock: Clock, perSecond: number, burst: number): TokenBucket {
  const waiting: (() => void)[] = [];
  let tokens = burst;
  let filledMs = clock.monotonicMs();
  let isScheduled = false;

  const fill = (): void => {
    const nowMs = clock.monotonicMs();
    tokens = Math.min(burst, tokens + ((nowMs - filledMs) * perSecond) / 1000);
    filledMs = nowMs;
  };

  const schedule = (): void => {
    if (isScheduled || waiting.length === 0) return;
    isScheduled = true;
    clock.setTimer(Math.ceil(((1 - tokens) * 1000) / perSecond), () => {
      isScheduled = false;
      fill();
      const count = Math.min(waiting.length, Math.floor(tokens));
      tokens -= count;
      for (const start of waiting.splice(0, count)) start();
      schedule();
    });
  };

  return {
    flush: () => {
      for (const start of waiting.splice(0)) start();
    },
    begin: (start) => {
      fill();
      if (waiting.length === 0 && tokens >= 1) {
        tokens -= 1;
        start();
      } else {
        waiting.push(start);
        schedule();
      }
    },
  };
}
