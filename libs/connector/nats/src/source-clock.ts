// The time of the servers, as far as messages show it. It decides when a tick can prove something, never what is stored.

import type { Clock } from '@pulses/shared-ports';

export class SourceClock {
  readonly #clock: Clock;
  /** The largest difference seen: a message is older than its arrival. */
  #aheadMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A message with this timestamp has come. */
  saw(timestampMs: number): void {
    const aheadMs = timestampMs - this.#clock.monotonicMs();
    if (this.#aheadMs === undefined || aheadMs > this.#aheadMs) this.#aheadMs = aheadMs;
  }

  /** How long until the servers' time is `timeMs`, at the latest; 0 when it has come. */
  untilMs(timeMs: number): number {
    if (this.#aheadMs === undefined) return 0;
    return Math.max(0, timeMs - this.#aheadMs - this.#clock.monotonicMs());
  }
}
