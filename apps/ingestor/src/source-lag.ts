// How far each partition is behind its head, as far as the source can be asked.
//
// Guarantees: a partition that does not answer holds up no other one. Its last figure stays, with its age, so that it is not
// taken for a fresh one.
// Bounds: one question under way for each partition.

import { withTimeout } from '@pulses/shared-async';
import type { Clock } from '@pulses/shared-ports';
import type { PartitionStatus } from '@pulses/stream-pipeline';

/** How long a scrape waits for answers. */
const ANSWER_MS_MAX = 500;

/** What is known of a partition. */
export interface PartitionLag {
  /** Undefined until the source has answered once. */
  readonly lag: number | undefined;
  /** Since the figure was told, or since the partition belongs to this process. */
  readonly ageSeconds: number;
}

interface Entry {
  status: PartitionStatus;
  lag: number | undefined;
  toldMs: number;
  asking: Promise<void> | undefined;
}

export class SourceLag {
  readonly #clock: Clock;
  readonly #entries = new Map<number, Entry>();
  #reading: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What the partitions of this process do now; a source without partitions has number 0. */
  update(own: readonly PartitionStatus[]): void {
    const numbers = new Set(own.map(({ partition = 0 }) => partition));
    for (const number of this.#entries.keys()) if (!numbers.has(number)) this.#entries.delete(number);
    for (const status of own) {
      const { partition: number = 0 } = status;
      const entry = this.#entries.get(number);
      if (entry === undefined)
        this.#entries.set(number, {
          status,
          lag: undefined,
          toldMs: this.#clock.monotonicMs(),
          asking: undefined,
        });
      else if (entry.status.sinceMs !== status.sinceMs || entry.status.state !== status.state) {
        entry.status = status;
        // What an earlier session was asked may stay without an answer.
        entry.asking = undefined;
      }
    }
  }

  /** Asks every partition, and answers what is known by their numbers, some time later at most. Calls may overlap. */
  async read(): Promise<ReadonlyMap<number, PartitionLag>> {
    this.#reading ??= this.#askAll().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
    const nowMs = this.#clock.monotonicMs();
    return new Map(
      [...this.#entries].map(([number, { lag, toldMs }]) => [number, { lag, ageSeconds: (nowMs - toldMs) / 1000 }]),
    );
  }

  async #askAll(): Promise<void> {
    const asked = Promise.all([...this.#entries.values()].map((entry) => (entry.asking ??= this.#ask(entry))));
    await withTimeout(asked, ANSWER_MS_MAX, this.#clock);
  }

  async #ask(entry: Entry): Promise<void> {
    const { status } = entry;
    const lag = await status.lag?.().catch(() => undefined);
    if (entry.status !== status) return;
    entry.asking = undefined;
    if (lag === undefined) return;
    entry.lag = lag;
    entry.toldMs = this.#clock.monotonicMs();
  }
}
