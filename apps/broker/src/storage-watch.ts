// Whether the data directory is there, and its disk has room.
//
// Guarantees: noticed within CHECK_MS when the disk is full or the directory is gone, also while nothing is written; at
// once when the disk refuses a change. Room is noticed within REFUSED_MS, also while no client writes.

import { directoriesOf } from '@pulses/broker-segment-log';
import type { Readiness } from '@pulses/shared-monitoring';
import type { Clock, Timer } from '@pulses/shared-ports';
import { access, statfs } from 'node:fs/promises';

const CHECK_MS = 1_000;
/** A frame of the journal may need this much. */
const FREE_BYTES_MIN = 1024 * 1024;
/** A quota refuses writes beside free bytes, so a refusal counts for this long. */
const REFUSED_MS = 5_000;
const GONE = 'the data directory is gone';

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
    if (this.#free === undefined) return { ready: false, reason: GONE };
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

/**
 * What a user may still write; Infinity where the file system does not say, `undefined` without the directory.
 * A directory without a journal is another one in its place: a mount point, or what readable files have made.
 */
export async function freeBytesOf(dataDir: string): Promise<number | undefined> {
  try {
    await access(directoriesOf(dataDir).journal);
    const { bavail, bsize, blocks } = await statfs(dataDir);
    return blocks === 0 ? Infinity : bavail * bsize;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : Infinity;
  }
}

/** The same for those who write beside the log. @throws Error when the directory is gone: no one makes another one */
export async function roomIn(dataDir: string): Promise<number> {
  const free = await freeBytesOf(dataDir);
  if (free === undefined) throw new Error(GONE);
  return free;
}
