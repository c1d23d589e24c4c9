// How long to wait after a failure before the next session.

import { backoffMs } from '@pulses/shared-async';
import type { Clock, Random } from '@pulses/shared-ports';

const BACKOFF = { delayMsMin: 100, delayMsMax: 5_000 };
/** A session that lasted this long, or stored something, resets the backoff. */
const SOUND_SESSION_MS = 10_000;

export interface RetriesOptions {
  readonly clock: Clock;
  readonly random: Random;
}

/** What follows a failure. */
export interface Retry {
  /** Failures since the last session that was active, from 1. */
  readonly attempt: number;
  readonly delayMs: number;
}

export class Retries {
  readonly #options: RetriesOptions;
  #failures = 0;
  /** Each active session has a line, so the first failure after one has, too. */
  #failedSinceActive = 0;

  constructor(options: RetriesOptions) {
    this.#options = options;
  }

  /** A session is active. */
  active(): void {
    this.#failedSinceActive = 0;
  }

  /** A session has stored something. */
  stored(): void {
    this.#failures = 0;
  }

  /** An attempt that began at `startMs` has failed. */
  failed(startMs: number): Retry {
    const { clock, random } = this.#options;
    if (clock.monotonicMs() - startMs > SOUND_SESSION_MS) this.#failures = 0;
    this.#failures += 1;
    this.#failedSinceActive += 1;
    return { attempt: this.#failedSinceActive, delayMs: backoffMs(this.#failures, { ...BACKOFF, random }) };
  }
}
