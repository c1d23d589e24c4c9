// The log's clock: the wall clock, made monotonic across the frames of the journal.
//
// Guarantees: `now` never runs backwards, and no frame that becomes visible after a call of `now` has an earlier
// timestamp than the call returned: while a frame is on its way to the disk, the clock stands at its timestamp.
// Does not survive: times given out after the last frame, when the process is killed and the wall clock then runs
// behind them; a clean stop keeps those too.

import type { Clock } from '@pulses/shared-ports';

export interface LogClock {
  now(): number;
  /** Takes the timestamp of the next frame and holds the clock there. */
  hold(): number;
  /** The held frame has become visible, or never will. */
  release(): void;
}

export function createLogClock(clock: Clock, lastMs: number): LogClock {
  let last = lastMs;
  let held = false;
  const advance = (): number => {
    last = Math.max(last, Math.floor(clock.nowMs()));
    return last;
  };
  return {
    now: () => (held ? last : advance()),
    hold: () => {
      if (held) throw new TypeError('a frame holds the clock already');
      advance();
      held = true;
      return last;
    },
    release: () => {
      held = false;
    },
  };
}
