// Deadline: a time limit that is set far more often than it expires. Setting it again leaves the timer alone.
//
// Guarantees: `onExpired` runs once for each `start`, at least `limitMs` after the last one, on the monotonic clock. It
// may run late, when the process was busy or stopped.

import type { Clock, Timer } from '@pulses/shared-ports';

export interface Deadline {
  /** Sets the limit from now on, also when it was set before. */
  start(): void;
  /** Lifts the limit. Cheap: the timer expires by itself. */
  stop(): void;
  /** Lifts the limit and gives the timer up. */
  dispose(): void;
  /** True when the limit is set and has passed, whether or not the timer has run yet. */
  readonly hasPassed: boolean;
}

export function createDeadline(clock: Clock, limitMs: number, onExpired: () => void): Deadline {
  return new TimedDeadline(clock, limitMs, onExpired);
}

class TimedDeadline implements Deadline {
  private dueMs: number | undefined;
  private timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly limitMs: number,
    private readonly onExpired: () => void,
  ) {}

  get hasPassed(): boolean {
    return this.dueMs !== undefined && this.clock.monotonicMs() >= this.dueMs;
  }

  start(): void {
    this.dueMs = this.clock.monotonicMs() + this.limitMs;
    if (this.timer === undefined) this.arm(this.limitMs);
  }

  stop(): void {
    this.dueMs = undefined;
  }

  dispose(): void {
    this.dueMs = undefined;
    this.timer?.cancel();
    this.timer = undefined;
  }

  private arm(delayMs: number): void {
    this.timer = this.clock.setTimer(
      delayMs,
      () => {
        this.ring();
      },
      { keepAlive: false },
    );
  }

  private ring(): void {
    this.timer = undefined;
    if (this.dueMs === undefined) return;
    const leftMs = this.dueMs - this.clock.monotonicMs();
    if (leftMs > 0) {
      this.arm(Math.ceil(leftMs));
      return;
    }
    this.dueMs = undefined;
    this.onExpired();
  }
}
