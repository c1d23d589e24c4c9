// What the pipeline needs from its caller.

import type { AggregationEngine } from '@pulses/aggregation-api';
import type { LiveWindows } from './windows/live-window';
import type { Connector, Session } from '@pulses/connector-api';
import type { Clock, Logger, Random } from '@pulses/shared-ports';
import { GROUPED_LINE_OVERHEAD_BYTES, KEY_FIELDS_BYTES_MAX, type DeadLetterReason } from '@pulses/shared-pulse-model';

/**
 * Counts and times for metrics. Called once a batch or commit, never once a pulse. A commit is counted when its
 * acknowledgement arrives, so one whose acknowledgement was lost is in the outputs and not in the counts.
 */
export interface PipelineObserver {
  grouped(count: number): void;
  deadLettered(reason: DeadLetterReason): void;
  aggregated(count: number): void;
  committed(seconds: number): void;
  /** Keys of the open windows of all partitions. */
  openKeys(count: number): void;
  /** Offset behind the last message read, summed over partitions. It falls when a session reads messages again, or ends. */
  readUpTo(offset: number): void;
  /** A partition is read to its head. `clockMs` is the log's clock there. */
  atHead(clockMs: number): void;
  state(state: PipelineState): void;
  /** What the partitions do; told at each change. */
  partitions(view: PartitionsView): void;
}

/** `set_aside`: it failed in a way that no new session mends by itself. It is tried again, less often. */
export type PartitionState = 'active' | 'connecting' | 'set_aside';

/** A partition that belongs to this process. */
export interface PartitionStatus {
  /** Undefined for a source without partitions. */
  readonly partition: number | undefined;
  readonly state: PartitionState;
  /** Why it is not active. */
  readonly reason?: string;
  /** Since when it has been so: monotonic milliseconds. */
  readonly sinceMs: number;
  /** Of an active one: messages stored and not yet read. It may stay without an answer for long. */
  lag?(): Promise<number>;
}

export interface PartitionsView {
  /** In order of their numbers. */
  readonly own: readonly PartitionStatus[];
  /** How many partitions belong to other members, as far as this process knows. */
  readonly elsewhere: number;
}

/** For readiness: this ingestor is active in a partition (its engine is open, too), stands by, or connects. */
export type PipelineState =
  | { readonly kind: 'connecting'; readonly reason: string }
  /** `ask` resolves when the connector's system answers. */
  | { readonly kind: 'standby'; ask(): Promise<unknown> }
  /** `ask` resolves when the connector's system answers for a partition. */
  | { readonly kind: 'active'; ask(): Promise<unknown> };

export interface PipelineLimits {
  /** Approximate output bytes of a commit; a dead letter may exceed it. At least COMMIT_BYTES_MIN. */
  readonly commitBytes: number;
  /** A smaller commit is sent once the last one is so old, and none is under way. */
  readonly commitIntervalMs: number;
  readonly commitsUnderWayMax: number;
  /** Keys of one window; one more ends the ingestor with WINDOW_FULL. Two windows exist while the older one is emitted. */
  readonly openKeysMax: number;
  /** Keys in a delta; a full one is handed to the engine. */
  readonly deltaRowsMax: number;
  /** Keys whose sums go into one commit. */
  readonly sumsMax: number;
  /** The same near the head of the source, where lines wait behind a commit of sums. */
  readonly liveSumsMax: number;
  /** Tenants whose sums go into one commit. */
  readonly tenantsMax: number;
  /** Keys of a closed window whose sums are emitted in one step, between two source events. */
  readonly keysPerStep: number;
}

/** Size of the longest grouped line. A commit without room for it would never be sent. */
export const COMMIT_BYTES_MIN = GROUPED_LINE_OVERHEAD_BYTES + KEY_FIELDS_BYTES_MAX;

const PIPELINE_LIMITS: PipelineLimits = {
  commitBytes: 6 * 1024 * 1024,
  commitIntervalMs: 20,
  commitsUnderWayMax: 2,
  openKeysMax: 2_000_000,
  deltaRowsMax: 16_384,
  sumsMax: 8_192,
  liveSumsMax: 8_192,
  tenantsMax: 8_192,
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
    liveSumsMax: 1,
    tenantsMax: 1,
    keysPerStep: 1,
  };
  for (const name of Object.keys(least) as (keyof PipelineLimits)[])
    if (!Number.isInteger(limits[name]) || limits[name] < least[name])
      throw new TypeError(`${name} must be an integer from ${least[name]} on, got ${limits[name]}`);
  return limits;
}

/** A source of many partitions has as many kernels and buffers, so each gets smaller ones. */
const PARTITION_COMMIT_BYTES_MAX = 2 * 1024 * 1024;

/** The limits of one session. */
export function sessionLimits(
  limits: PipelineLimits,
  { source: { partition }, commitSize }: Pick<Session, 'source' | 'commitSize'>,
): PipelineLimits {
  const { commitBytes, sumsMax, liveSumsMax, tenantsMax } = limits;
  return {
    ...limits,
    commitBytes: partition === undefined ? commitBytes : Math.min(commitBytes, PARTITION_COMMIT_BYTES_MAX),
    liveSumsMax: Math.min(sumsMax, liveSumsMax, commitSize?.liveSumsMax ?? sumsMax),
    tenantsMax: Math.min(tenantsMax, commitSize?.tenantsMax ?? tenantsMax),
  };
}

export interface PipelineOptions {
  readonly connector: Connector;
  /** Called once for each partition; the pipeline closes the engine. */
  createEngine(): AggregationEngine;
  readonly sourceTopic: string;
  readonly group: string;
  readonly windowMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer: PipelineObserver;
  /** Queries for the sums of the open windows. */
  readonly live?: LiveWindows;
  /** Defaults: `PIPELINE_LIMITS`. */
  readonly limits?: Partial<PipelineLimits>;
}
