// The pipeline as the benches of the ingestor run it: without logs and metrics.

import { nodeClock, nodeRandom } from '@pulses/shared-node-platform';
import { runPipeline } from '@pulses/stream-pipeline';

export const ignore = (): undefined => undefined;

export const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore, fatal: ignore };

const observer = {
  grouped: ignore,
  deadLettered: ignore,
  aggregated: ignore,
  committed: ignore,
  openKeys: ignore,
  readUpTo: ignore,
  partitions: ignore,
  atHead: ignore,
  state: ignore,
};

type Measured = Pick<Parameters<typeof runPipeline>[0], 'connector' | 'createEngine' | 'windowMs'>;

/** Resolves after the signal has aborted. */
export function runBenchPipeline(measured: Measured, signal: AbortSignal): Promise<void> {
  return runPipeline(
    {
      ...measured,
      sourceTopic: 'source.pulses',
      group: 'bench',
      clock: nodeClock,
      random: nodeRandom,
      logger,
      observer,
    },
    signal,
  );
}
