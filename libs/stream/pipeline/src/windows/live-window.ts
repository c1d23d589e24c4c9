// Queries for the sums of the open windows, one of each partition. A session answers them between two of its steps, so they
// never overlap with another call of its engine.
//
// Bounds: `QUERIES_MAX` queries wait; an answer holds `LIVE_SUMS_MAX` sums.

import { PulsesError } from '@pulses/shared-errors';

const QUERIES_MAX = 16;
export const LIVE_SUMS_MAX = 10_000;

/** The sum of one key so far. */
export interface LiveSum {
  readonly tenantId: string;
  readonly productSku: string;
  readonly useUnit: string;
  /** Plain decimal text. */
  readonly total: string;
  readonly pulseCount: number;
}

/** The open window, up to the last message read. */
export interface LiveWindow {
  readonly windowStartMs: number;
  readonly windowMs: number;
  /** The sums cover the window's messages below this source offset. */
  readonly nextOffset: number;
  /** In order of first appearance. */
  readonly sums: readonly LiveSum[];
  /** True when there are more sums than an answer holds. */
  readonly isCut: boolean;
}

/** What a partition answers. */
export interface LiveAnswer {
  /** Undefined for a source without partitions. */
  readonly partition: number | undefined;
  /** Undefined when none is open. */
  readonly window: LiveWindow | undefined;
}

/** A session, to the queries. */
export interface LiveReader {
  readonly partition: number | undefined;
  /** A query waits for `answer`. */
  wake(): void;
}

interface Query {
  readonly tenantId: string | undefined;
  /** Sessions that have not answered yet. */
  readonly asked: Set<LiveReader>;
  readonly answers: LiveAnswer[];
  resolve(answers: LiveAnswer[]): void;
  reject(error: unknown): void;
}

export class LiveWindows {
  readonly #queries = new Set<Query>();
  readonly #readers = new Set<LiveReader>();

  /**
   * Resolves to what each partition of this process answers, in order of their numbers. With a `tenantId` windows hold only
   * that tenant's sums. Waits for a session while there is none.
   * @throws PulsesError OVERLOADED when too many queries wait; what an engine rejects with
   */
  ask(tenantId: string | undefined): Promise<LiveAnswer[]> {
    return new Promise((resolve, reject) => {
      if (this.#queries.size >= QUERIES_MAX) {
        reject(new PulsesError('OVERLOADED', `the limit of ${QUERIES_MAX} waiting queries is reached`));
        return;
      }
      this.#queries.add({ tenantId, asked: new Set(this.#readers), answers: [], resolve, reject });
      for (const reader of this.#readers) reader.wake();
    });
  }

  /** For a session that begins: from now on it is asked, and so it is if a query waits for any. */
  join(reader: LiveReader): void {
    this.#readers.add(reader);
    for (const query of this.#queries) if (query.asked.size === 0) query.asked.add(reader);
    reader.wake();
  }

  /** For a session that ends: queries do without it, or wait for another when it was the only one. */
  leave(reader: LiveReader): void {
    this.#readers.delete(reader);
    for (const query of this.#queries) if (query.asked.delete(reader) && query.answers.length > 0) this.#settle(query);
  }

  /** For a session: answers the queries that wait for it, one after the other. @throws what `read` rejects with */
  async answer(
    reader: LiveReader,
    read: (tenantId: string | undefined) => Promise<LiveWindow | undefined>,
  ): Promise<void> {
    if (this.#queries.size === 0) return;
    for (const query of this.#queries) {
      if (!query.asked.has(reader)) continue;
      try {
        query.answers.push({ partition: reader.partition, window: await read(query.tenantId) });
      } catch (error) {
        this.#queries.delete(query);
        query.reject(error);
        throw error;
      }
      query.asked.delete(reader);
      this.#settle(query);
    }
  }

  #settle(query: Query): void {
    if (query.asked.size > 0) return;
    this.#queries.delete(query);
    query.resolve(query.answers.sort((left, right) => (left.partition ?? 0) - (right.partition ?? 0)));
  }
}
