// What the pipeline is given.

import type { AggregationEngine } from '@pulses/aggregation-api';
import type { Connector } from '@pulses/connector-api';
import type { Clock, Random } from '@pulses/shared-ports';
import type { DeadLetterReason } from '@pulses/shared-pulse-model';
import type { Logger } from '@pulses/shared-service-host';

/** Counts and times for metrics; called for each batch or commit, never for each pulse. */
export interface PipelineObserver {
  grouped(count: number): void;
  deadLettered(reason: DeadLetterReason): void;
  aggregated(count: number): void;
  committed(seconds: number): void;
  openKeys(count: number): void;
  /** Offset behind the last message read. */
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
  /** Output bytes of a commit, about; a dead letter may go beyond. */
  readonly commitBytes: number;
  /** Time after which a commit is sent although it is smaller; looked at whenever something arrives. */
  readonly commitIntervalMs: number;
  readonly commitsUnderWayMax: number;
  /** Keys of one window; more end the ingestor with OVERLOADED. */
  readonly openKeysMax: number;
  /** Keys gathered before the engine hears of them. */
  readonly deltaRowsMax: number;
}

export const PIPELINE_LIMITS: PipelineLimits = {
  commitBytes: 2 * 1024 * 1024,
  commitIntervalMs: 5,
  commitsUnderWayMax: 3,
  openKeysMax: 2_000_000,
  deltaRowsMax: 16_384,
};

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
  /** What is left out has its default. */
  readonly limits?: Partial<PipelineLimits>;
}
