// Which writes a thread makes itself, though it waits for the disk.
//
// A call through libuv's pool changes threads some ten times. On a quick disk that costs more than the write, and more time:
// a short synchronous write takes 0.1 to 0.3 ms there.
//
// Bounds: IN_PLACE_BYTES_MAX a write. A write that takes longer than QUICK_MS shows that the disk is slow, and the pool
// writes for PAUSE_FACTOR times as long. So slow writes hold the thread for a hundredth of the time at most. Does not
// survive a disk that hangs: the write that it hangs in holds the thread until the disk answers.

import type { Clock } from '@pulses/shared-ports';

const IN_PLACE_BYTES_MAX = 64 * 1024;
const QUICK_MS = 1;
const PAUSE_FACTOR = 99;

export class WritesInPlace {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #pausedUntilMs = -Infinity;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** Whether a write of this length is made in place. */
  allow(lengthBytes: number): boolean {
    return lengthBytes <= IN_PLACE_BYTES_MAX && this.#clock.monotonicMs() >= this.#pausedUntilMs;
  }

  /** Makes an allowed write. @throws what it throws */
  write(write: () => number): number {
    const startMs = this.#clock.monotonicMs();
    try {
      return write();
    } finally {
      const endMs = this.#clock.monotonicMs();
      const tookMs = endMs - startMs;
      if (tookMs > QUICK_MS) this.#pausedUntilMs = endMs + PAUSE_FACTOR * tookMs;
    }
  }
}
