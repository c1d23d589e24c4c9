// How long to wait after a failure before the next session, and how it is logged.

import { backoffMs, retryLog } from '@pulses/shared-async';
import type { Clock, Logger, Random } from '@pulses/shared-ports';

const BACKOFF = { delayMsMin: 100, delayMsMax: 5_000 };
/** A session that lasted this long, or stored something, resets the backoff. */
const SOUND_SESSION_MS = 10_000;

export interface RetriesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class Retries {
  readonly #options: RetriesOptions;
  readonly #note: ReturnType<typeof retryLog>;
  #failures = 0;
  /** Each active session has a line, so the first failure after one has, too. */
  #failedSinceActive = 0;

  constructor(options: RetriesOptions, message: string) {
    this.#options = options;
    this.#note = retryLog(options.logger, options.clock, message);
  }

  /** A session is active. */
  active(): void {
    this.#failedSinceActive = 0;
  }

  /** A session has stored something. */
  stored(): void {
    this.#failures = 0;
  }

  /** An attempt that began at `startMs` has failed; answers the time to wait. */
  failed(error: unknown, startMs: number): number {
    const { clock, random } = this.#options;
    if (clock.monotonicMs() - startMs > SOUND_SESSION_MS) this.#failures = 0;
    this.#failures += 1;
    const delayMs = backoffMs(this.#failures, { ...BACKOFF, random });
    this.#failedSinceActive += 1;
    this.#note(error, this.#failedSinceActive, delayMs);
    return delayMs;
  }
}
