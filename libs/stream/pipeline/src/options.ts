// What the pipeline is given.

import type { AggregationEngine } from '@pulses/aggregation-api';
import type { LiveWindows } from './windows/live-window';
import type { Connector } from '@pulses/connector-api';
import type { Clock, Logger, Random } from '@pulses/shared-ports';
import { GROUPED_LINE_OVERHEAD_BYTES, KEY_FIELDS_BYTES_MAX, type DeadLetterReason } from '@pulses/shared-pulse-model';

/**
 * Counts and times for metrics; called for each batch or commit, never for each pulse. Counted is what a commit holds, once
 * its answer says that it is stored; so a commit whose answer was lost is in the outputs and not in the counts.
 */
export interface PipelineObserver {
  grouped(count: number): void;
  deadLettered(reason: DeadLetterReason): void;
  aggregated(count: number): void;
  committed(seconds: number): void;
  openKeys(count: number): void;
  /** Offset behind the last message read; goes back where a session reads again. */
  readUpTo(offset: number): void;
  state(state: PipelineState): void;
}

/** For readiness: whether this ingestor does the work, stands by, or looks for its source. */
export type PipelineState =
  | { readonly kind: 'connecting'; readonly reason: string }
  | { readonly kind: 'standby' }
  /** `sourceHead`: see the session of the connector. */
  | { readonly kind: 'active'; sourceHead(): Promise<number> };

export interface PipelineLimits {
  /** Output bytes of a commit, about; a dead letter may go beyond. At least COMMIT_BYTES_MIN. */
  readonly commitBytes: number;
  /** Time after which a commit is sent although it is smaller, once none is under way; looked at whenever something arrives. */
  readonly commitIntervalMs: number;
  readonly commitsUnderWayMax: number;
  /** Keys of one window; one more ends the ingestor with WINDOW_FULL. Two windows exist while the older one is emitted. */
  readonly openKeysMax: number;
  /** Keys gathered before the engine hears of them. */
  readonly deltaRowsMax: number;
  /** Keys whose sums go into one commit. */
  readonly sumsMax: number;
  /** Keys of a closed window whose sums are made at once, before what is read goes on. */
  readonly keysPerStep: number;
}

/** What the longest grouped line takes: a commit that has no room for it would wait for room for ever. */
export const COMMIT_BYTES_MIN = GROUPED_LINE_OVERHEAD_BYTES + KEY_FIELDS_BYTES_MAX;

export const PIPELINE_LIMITS: PipelineLimits = {
  commitBytes: 6 * 1024 * 1024,
  commitIntervalMs: 5,
  commitsUnderWayMax: 2,
  openKeysMax: 2_000_000,
  deltaRowsMax: 16_384,
  sumsMax: 8_192,
  keysPerStep: 250,
};

/** The limits with their defaults. @throws TypeError for one that the pipeline could not work with */
export function limitsOf(given: Partial<PipelineLimits> = {}): PipelineLimits {
  const limits = { ...PIPELINE_LIMITS, ...given };
  const least: PipelineLimits = {
    commitBytes: COMMIT_BYTES_MIN,
    commitIntervalMs: 0,
    commitsUnderWayMax: 1,
    openKeysMax: 1,
    deltaRowsMax: 1,
    sumsMax: 1,
    keysPerStep: 1,
  };
  for (const name of Object.keys(least) as (keyof PipelineLimits)[])
    if (!Number.isInteger(limits[name]) || limits[name] < least[name])
      throw new TypeError(`${name} must be an integer from ${least[name]} on, got ${limits[name]}`);
  return limits;
}

export interface PipelineOptions {
  readonly connector: Connector;
  readonly engine: AggregationEngine;
  readonly sourceTopic: string;
  readonly group: string;
  readonly windowMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer: PipelineObserver;
  /** Who asks for the sums of the open window. */
  readonly live?: LiveWindows;
  /** What is left out has its default. */
  readonly limits?: Partial<PipelineLimits>;
}
