// Lets messages go that need not be kept any longer, and gives their space back.
//
// Guarantees: what goes is decided by the broker's time and stored in the journal before a file is touched, so a restart
// sees the same first offset. What a group has not read stays; see trim-plan.ts. Every trim is told. A run that is damaged
// stays as it is: its readers are told so.

import { startMaintenance, type Maintenance } from '@pulses/shared-async';
import { isPulsesError, type PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { Clock, Logger } from '@pulses/shared-ports';
import { isFull, isOutOfDescriptors, storageFailed } from '../disk/disk-errors';
import type { TopicTrim } from '../journal/entries';
import type { RetentionPolicy, SegmentLogMetrics } from '../options';
import { NO_ROW } from '../topics/topic-table';
import { ReadLimits } from './read-limits';
import { Reclaimer, type ReclaimerOptions } from './reclaimer';
import { tellTrims, type StoredTrim } from './told-trims';
import { planTrims, type PlannedTrim } from './trim-plan';
import type { UnsealedIndex } from './unsealed';

/** Trims in one frame. */
const TRIMS_MAX = 4_096;

export interface RetentionOptions extends Omit<ReclaimerOptions, 'isStopped' | 'onUnreadable'> {
  readonly clock: Clock;
  readonly unsealed: UnsealedIndex;
  /** By kind of topics. Undefined when everything is kept. */
  readonly policyOf: ((kind: number) => RetentionPolicy | undefined) | undefined;
  readonly intervalMs: number;
  readonly nowMs: () => number;
  readonly logger: Logger;
  readonly metrics: SegmentLogMetrics;
  /** Called at each look: leaves the segment in use when it is old. */
  beforeLook(): void;
  /** Stores what `trims` gives, when its turn has come. @throws PulsesError */
  storeTrims(trims: () => readonly TopicTrim[]): Promise<void>;
  onFailed(error: PulsesError): void;
}

export class Retention {
  readonly #options: RetentionOptions;
  readonly #reclaimer: Reclaimer;
  /** Messages of damages that were told. */
  readonly #damages = new Set<string>();
  readonly #looks: Maintenance;
  #isStopped = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
    const [isStopped, onUnreadable] = [(): boolean => this.#isStopped, this.#onUnreadable];
    this.#reclaimer = new Reclaimer({ ...options, isStopped, onUnreadable });
    const { clock, intervalMs } = options;
    this.#looks = startMaintenance(clock, { firstMs: intervalMs, everyMs: intervalMs }, () => this.#look());
  }

  /** Topics were deleted. */
  removed(): void {
    this.#reclaimer.removed();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#looks.stop();
  }

  async #look(): Promise<void> {
    try {
      this.#options.beforeLook();
      await this.#trim();
      await this.#reclaimer.look();
    } catch (error) {
      // A full disk and missing descriptors are tried again; other failures of the log are told elsewhere.
      if (isPulsesError(error, 'STORAGE_FAILED')) this.#options.onFailed(error);
      else if (!isPulsesError(error) && !isFull(error) && !isOutOfDescriptors(error)) {
        this.#options.onFailed(storageFailed('retention failed', error));
      }
    }
  }

  readonly #onUnreadable = (error: unknown): void => {
    if (!isPulsesError(error, 'JOURNAL_CORRUPT')) throw error;
    if (this.#damages.has(error.message)) return;
    this.#damages.add(error.message);
    const { code, message } = error;
    this.#options.logger.error({ code, reason: message }, 'a run is damaged, its space is not given back');
  };

  async #trim(): Promise<void> {
    const { state, runs, policyOf, nowMs } = this.#options;
    if (policyOf === undefined) return;
    const limits = new ReadLimits(state, policyOf);
    const isStopped = (): boolean => this.#isStopped;
    const onUnreadable = this.#onUnreadable;
    const trims = await planTrims({ state, runs, policyOf, limits, nowMs: nowMs(), isStopped, onUnreadable });
    for (let from = 0; from < trims.length && !this.#isStopped; from += TRIMS_MAX) {
      await this.#store(trims.slice(from, from + TRIMS_MAX), policyOf);
    }
  }

  async #store(
    planned: readonly PlannedTrim[],
    policyOf: (kind: number) => RetentionPolicy | undefined,
  ): Promise<void> {
    const { state, storeTrims, logger, metrics } = this.#options;
    let stored: StoredTrim[] = [];
    await storeTrims(() => {
      // A group may have joined, or a topic been deleted, since these were planned: what holds now counts.
      const limits = new ReadLimits(state, policyOf);
      const trims = planned.map((trim) => this.#trimNow(trim, limits)).filter((trim) => trim !== undefined);
      stored = trims.map((trim) => this.#told(trim));
      return trims;
    });
    failpoint('retention.after-trim');
    if (stored.length === 0) return;
    this.#reclaimer.removed();
    tellTrims(stored, logger, metrics);
  }

  /** Undefined when it does not hold any more. */
  #trimNow(planned: PlannedTrim, limits: ReadLimits): TopicTrim | undefined {
    const { state, unsealed } = this.#options;
    const { topics } = state;
    const { topicId, startOffset } = planned;
    const row = topics.rowOf(topicId);
    if (row === NO_ROW || startOffset > limits.of(row)) return undefined;
    let { firstTimestampMs } = planned;
    if (startOffset === topics.nextOffset(row)) firstTimestampMs = 0;
    else if (startOffset >= topics.sealedOffset(row)) firstTimestampMs = unsealed.timestampAt(row, startOffset);
    // It was sealed just now: the next look knows it.
    return firstTimestampMs === undefined ? undefined : { ...planned, firstTimestampMs };
  }

  #told({ topicId, startOffset, bytesRemoved }: TopicTrim): StoredTrim {
    const { topics } = this.#options.state;
    const row = topics.rowOf(topicId);
    const [topic, kind, fromOffset] = [topics.nameOf(row), topics.kindOf(row), topics.startOffset(row)];
    return { topic, kind, fromOffset, toOffset: startOffset, bytes: bytesRemoved };
  }
}
