// The log of sessions that fail: a line for a reason, not for an attempt, and not for each partition.
//
// Guarantees: what ends the sessions of many partitions at once is one line with their numbers. A reason that stays is told
// again once a minute (see `RetryNews`); other attempts are debug lines.

import { RetryNews } from '@pulses/shared-async';
import { isPulsesError } from '@pulses/shared-errors';
import type { Clock, Logger, Timer } from '@pulses/shared-ports';

/** What a line is about. */
export type FailureKind = 'not opened' | 'session ended' | 'set aside';

export interface Failure {
  readonly kind: FailureKind;
  /** Undefined for a source without partitions, and for what concerns all of them. */
  readonly partition: number | undefined;
  readonly error: unknown;
  /** Failures since the last success, from 1. */
  readonly attempt: number;
  readonly delayMs: number;
}

interface Gathered {
  readonly failure: Failure;
  readonly partitions: number[];
  attempt: number;
}

/** For how long partitions are gathered for one line. */
const GATHER_MS = 250;
const MESSAGES: Readonly<Record<FailureKind, string>> = {
  'not opened': 'no session could be opened; trying again',
  'session ended': 'session ended; opening another',
  'set aside': 'partition set aside: no new session mends this; trying again less often',
};

export class FailureLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #news: RetryNews;
  readonly #newsOfPartitions: RetryNews;
  readonly #gathered = new Map<string, Gathered>();
  #timer: Timer | undefined;

  constructor({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#clock = clock;
    this.#logger = logger;
    this.#news = new RetryNews(clock);
    this.#newsOfPartitions = new RetryNews(clock);
  }

  note(failure: Failure): void {
    const { partition, attempt } = failure;
    if (partition === undefined) {
      this.#write(failure, this.#news.isNews(keyOf(failure), attempt), {});
      return;
    }
    const key = keyOf(failure);
    const gathered = this.#gathered.get(key) ?? { failure, partitions: [], attempt };
    if (!gathered.partitions.includes(partition)) gathered.partitions.push(partition);
    gathered.attempt = Math.min(gathered.attempt, attempt);
    this.#gathered.set(key, gathered);
    this.#timer ??= this.#clock.setTimer(GATHER_MS, () => this.flush(), { keepAlive: false });
  }

  /** Writes what was gathered. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const [key, { failure, partitions, attempt }] of this.#gathered) {
      const isNews = this.#newsOfPartitions.isNews(key, attempt);
      this.#write({ ...failure, attempt }, isNews, { partitions: partitions.sort((left, right) => left - right) });
    }
    this.#gathered.clear();
  }

  #write({ kind, error, attempt, delayMs }: Failure, isNews: boolean, where: { partitions?: number[] }): void {
    const fields = { ...where, ...reasonOf(error), attempt, delayMs: Math.round(delayMs) };
    if (!isNews) this.#logger.debug(fields, MESSAGES[kind]);
    else if (kind === 'set aside') this.#logger.error(fields, MESSAGES[kind]);
    else this.#logger.warn(fields, MESSAGES[kind]);
  }
}

function reasonOf(error: unknown): { code: string | undefined; reason: string } {
  if (isPulsesError(error)) return { code: error.code, reason: error.message };
  return { code: undefined, reason: String(error) };
}

function keyOf({ kind, error }: Failure): string {
  const { code, reason } = reasonOf(error);
  return `${kind} ${code} ${reason}`;
}
