// Queries for the sums of the open window. The pipeline answers them between two events, so they never overlap with another
// call of the engine.
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

interface Query {
  readonly tenantId: string | undefined;
  resolve(window: LiveWindow | undefined): void;
  reject(error: unknown): void;
}

export class LiveWindows {
  readonly #queries: Query[] = [];

  /**
   * Resolves to the open window, or to undefined when none is open. With a `tenantId` it holds only that tenant's sums.
   * Waits for a session while there is none.
   * @throws PulsesError OVERLOADED when too many queries wait; what the engine rejects with
   */
  ask(tenantId: string | undefined): Promise<LiveWindow | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#queries.length >= QUERIES_MAX)
        reject(new PulsesError('OVERLOADED', `the limit of ${QUERIES_MAX} waiting queries is reached`));
      else this.#queries.push({ tenantId, resolve, reject });
    });
  }

  /** For the pipeline: answers the waiting queries, one after the other. @throws what `read` rejects with */
  async answer(read: (tenantId: string | undefined) => Promise<LiveWindow | undefined>): Promise<void> {
    for (let query = this.#queries.shift(); query !== undefined; query = this.#queries.shift()) {
      try {
        query.resolve(await read(query.tenantId));
      } catch (error) {
        query.reject(error);
        throw error;
      }
    }
  }
}
