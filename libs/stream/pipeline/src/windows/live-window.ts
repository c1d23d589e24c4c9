// Questions about the open window, answered by the pipeline between two events: so they never overlap with what the engine
// does, and need nothing of it but its sums.
//
// Bounds: `ASKED_MAX` questions wait; an answer holds `LIVE_SUMS_MAX` sums.

import { PulsesError } from '@pulses/shared-errors';

const ASKED_MAX = 16;
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

/** The open window as far as it was read. */
export interface LiveWindow {
  readonly windowStartMs: number;
  readonly windowMs: number;
  /** Everything below this source offset, from the window's first on, is in the sums. */
  readonly nextOffset: number;
  /** In order of first appearance. */
  readonly sums: readonly LiveSum[];
  /** True when there are more sums than an answer holds. */
  readonly isCut: boolean;
}

export interface LiveWindows {
  /**
   * Resolves to the open window, or to undefined when none is open; `tenantId` leaves only that tenant's sums.
   * Waits for a session as long as there is none.
   * @throws PulsesError OVERLOADED when too many questions wait; what the engine rejects with
   */
  ask(tenantId: string | undefined): Promise<LiveWindow | undefined>;
  /** For the pipeline: answers what was asked, one after the other. */
  answer(read: (tenantId: string | undefined) => Promise<LiveWindow | undefined>): Promise<void>;
}

interface Question {
  readonly tenantId: string | undefined;
  resolve(window: LiveWindow | undefined): void;
  reject(error: unknown): void;
}

export function createLiveWindows(): LiveWindows {
  const asked: Question[] = [];
  return {
    ask: (tenantId) =>
      new Promise((resolve, reject) => {
        if (asked.length >= ASKED_MAX) reject(new PulsesError('OVERLOADED', `${ASKED_MAX} questions wait already`));
        else asked.push({ tenantId, resolve, reject });
      }),
    async answer(read) {
      for (let question = asked.shift(); question !== undefined; question = asked.shift()) {
        try {
          question.resolve(await read(question.tenantId));
        } catch (error) {
          question.reject(error);
          throw error;
        }
      }
    },
  };
}
