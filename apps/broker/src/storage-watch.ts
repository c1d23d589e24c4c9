// Whether the data directory is there, and its disk has room.
//
// Guarantees: noticed within CHECK_MS when the disk is full or the directory is gone, also while nothing is written; at
// once when the disk refuses a change. Room is noticed within REFUSED_MS, also while no client writes.

import type { Clock, Timer } from '@pulses/shared-ports';
import type { Readiness } from '@pulses/shared-monitoring';
import { statfs } from 'node:fs/promises';

const CHECK_MS = 1_000;
/** A frame of the journal may need this much. */
const FREE_BYTES_MIN = 1024 * 1024;
/** A quota refuses writes beside free bytes, so a refusal counts for this long. */
const REFUSED_MS = 5_000;

export interface StorageWatchOptions {
  readonly clock: Clock;
  /** `undefined` when the data directory is gone. */
  readonly freeBytes: () => Promise<number | undefined>;
}

export class StorageWatch {
  readonly #options: StorageWatchOptions;
  #timer: Timer | undefined;
  #free: number | undefined = Infinity;
  #refusedMs = -Infinity;

  constructor(options: StorageWatchOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#check();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** A full disk has refused a change. */
  refused(): void {
    this.#refusedMs = this.#options.clock.monotonicMs();
  }

  /** A change was stored. */
  stored(): void {
    this.#refusedMs = -Infinity;
  }

  readiness(): Readiness {
    if (this.#free === undefined) return { ready: false, reason: 'the data directory is gone' };
    const isRefusing = this.#options.clock.monotonicMs() - this.#refusedMs < REFUSED_MS;
    if (isRefusing || this.#free < FREE_BYTES_MIN)
      return { ready: false, reason: 'the disk of the data directory is full' };
    return { ready: true };
  }

  async #check(): Promise<void> {
    const timer = this.#options.clock.setTimer(CHECK_MS, () => void this.#check(), { keepAlive: false });
    this.#timer = timer;
    this.#free = await this.#options.freeBytes();
  }
}

/** What a user may still write; Infinity where the file system does not say, `undefined` without the directory. */
export async function freeBytesOf(directory: string): Promise<number | undefined> {
  try {
    const { bavail, bsize, blocks } = await statfs(directory);
    return blocks === 0 ? Infinity : bavail * bsize;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : Infinity;
  }
}
