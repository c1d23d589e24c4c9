// What the pipeline does, as metrics and as readiness.

import type { Clock } from '@pulses/shared-ports';
import { DEAD_LETTER_REASONS } from '@pulses/shared-pulse-model';
import { withTimeout } from '@pulses/shared-async';
import type { Metrics, Readiness } from '@pulses/shared-monitoring';
import type { PipelineObserver, PipelineState } from '@pulses/stream-pipeline';
import { LogLiveness } from './log-liveness';

export interface IngestorMetrics {
  readonly observer: PipelineObserver;
  readiness(): Readiness;
  stop(): void;
}

/** How long reading metrics waits for the heads of the source; the last known lag is shown then. */
const SCRAPE_MS_MAX = 500;

export function createIngestorMetrics(metrics: Metrics, sourceTopic: string, clock: Clock): IngestorMetrics {
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
  let state: PipelineState = { kind: 'connecting', reason: 'no session yet' };
  const liveness = new LogLiveness(clock);
  let lag = 0;
  metrics.observedGauge('pulses_source_lag', 'Source messages stored and not yet read.', async () => {
    if (state.kind === 'active') {
      const asked = state.sourceLag().catch(() => undefined);
      lag = (await withTimeout(asked, SCRAPE_MS_MAX, clock)) ?? lag;
    }
    return lag;
  });

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
    },
    readiness() {
      const trouble = liveness.trouble;
      if (trouble !== undefined) return { ready: false, reason: trouble };
      switch (state.kind) {
        case 'active':
          return { ready: true, detail: activeDetail(state.partitions) };
        case 'standby':
          return { ready: true, detail: `standby: another member reads ${sourceTopic}` };
        case 'connecting':
          return { ready: false, reason: state.reason };
      }
    },
    stop: () => {
      liveness.stop();
    },
  };
}

function activeDetail(partitions: readonly number[]): string {
  return partitions.length === 0 ? 'active' : `active in the partitions ${partitions.join(', ')}`;
}

function askOf(state: PipelineState): (() => Promise<unknown>) | undefined {
  if (state.kind === 'connecting') return undefined;
  return () => state.ask();
}
