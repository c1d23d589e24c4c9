// What the pipeline does, as metrics and as readiness.

import type { Clock } from '@pulses/shared-ports';
import { DEAD_LETTER_REASONS } from '@pulses/shared-pulse-model';
import type { Metrics, Readiness } from '@pulses/shared-monitoring';
import type { PartitionStatus, PartitionsView, PipelineObserver, PipelineState } from '@pulses/stream-pipeline';
import { LogLiveness } from './log-liveness';
import { partitionReadiness, reasonOf } from './partition-readiness';
import { SourceLag, type PartitionLag } from './source-lag';

export interface IngestorMetrics {
  readonly observer: PipelineObserver;
  readiness(): Readiness;
  /** The partitions of this process, and what each does. */
  partitions(): readonly PartitionStatus[];
  stop(): void;
}

/** @param peer where the connector connects */
export function createIngestorMetrics(
  metrics: Metrics,
  { sourceTopic, peer, clock }: { readonly sourceTopic: string; readonly peer: string; readonly clock: Clock },
): IngestorMetrics {
  const grouped = metrics.counter('pulses_grouped_total', 'Grouped lines committed.');
  const aggregated = metrics.counter('pulses_aggregated_total', 'Window sums committed.');
  const deadLettered = metrics.labelledCounter(
    'pulses_dead_lettered_total',
    'Messages that are not pulses.',
    'reason',
    DEAD_LETTER_REASONS,
  );
  const commitSeconds = metrics.secondsHistogram('pulses_commit_seconds', 'Time from sending a commit to its answer.');
  const openKeys = metrics.gauge('pulses_open_window_keys', 'Keys of the open windows.');
  const partitionCounts = metrics.labelledGauge(
    'pulses_partitions',
    'Partitions of the source, by what this ingestor does with them.',
    'state',
    ['active', 'connecting', 'set_aside', 'not_owned'],
  );
  let state: PipelineState = { kind: 'connecting', reason: `connecting to ${peer}` };
  let partitions: PartitionsView = { own: [], elsewhere: 0 };
  const liveness = new LogLiveness(clock);
  const lag = new SourceLag(clock);
  metrics.observedGauge('pulses_source_lag', 'Source messages stored and not yet read.', async () => {
    let total = 0;
    for (const { lag: ofOne = 0 } of (await lag.read()).values()) total += ofOne;
    return total;
  });
  const lagOf = async (figure: (partition: PartitionLag) => number | undefined) => {
    const figures = [...(await lag.read())].map(([number, partition]) => [String(number), figure(partition)] as const);
    return new Map(figures.flatMap(([number, value]) => (value === undefined ? [] : [[number, value] as const])));
  };
  metrics.observedLabelledGauge(
    'pulses_partition_lag',
    'Messages of a partition stored and not yet read, as last known.',
    'partition',
    () => lagOf((partition) => partition.lag),
  );
  metrics.observedLabelledGauge(
    'pulses_partition_lag_age_seconds',
    'Time since the lag of a partition was last known.',
    'partition',
    () => lagOf((partition) => partition.ageSeconds),
  );

  return {
    observer: {
      grouped: (count) => {
        grouped.inc(count);
      },
      deadLettered: (reason) => {
        deadLettered[reason].inc();
      },
      aggregated: (count) => {
        aggregated.inc(count);
      },
      committed: (seconds) => {
        commitSeconds.observe(seconds);
      },
      openKeys: (count) => {
        openKeys.set(count);
      },
      readUpTo: () => undefined,
      atHead: (clockMs) => {
        liveness.atHead(clockMs);
      },
      state: (next) => {
        state = next;
        liveness.watch(askOf(next));
      },
      partitions: (view) => {
        partitions = view;
        lag.update(view.own);
        const { active, connecting, set_aside, not_owned } = partitionCounts;
        const count = (kind: PartitionStatus['state']) => view.own.filter((each) => each.state === kind).length;
        active.set(count('active'));
        connecting.set(count('connecting'));
        set_aside.set(count('set_aside'));
        not_owned.set(view.elsewhere);
      },
    },
    partitions: () => partitions.own,
    readiness() {
      const trouble = liveness.trouble;
      if (trouble !== undefined) return { ready: false, reason: trouble };
      switch (state.kind) {
        case 'active':
          return partitionReadiness(partitions.own, clock.monotonicMs());
        case 'standby':
          return { ready: true, detail: `standby: another member reads ${sourceTopic}` };
        case 'connecting':
          return { ready: false, reason: reasonOf(partitions.own) ?? state.reason };
      }
    },
    stop: () => {
      liveness.stop();
    },
  };
}

function askOf(state: PipelineState): (() => Promise<unknown>) | undefined {
  if (state.kind === 'connecting') return undefined;
  return () => state.ask();
}
