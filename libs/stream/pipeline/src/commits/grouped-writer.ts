// Makes commits of grouped lines and dead letters, each with the position behind them.
//
// Guarantees: lines and their position are one commit, so neither is stored without the other. A batch is reused only after
// its commit has settled. Bounds: one batch more than commits may be under way.

import type { Position } from '@pulses/connector-api';
import { failpoint } from '@pulses/shared-failpoints';
import type { Clock } from '@pulses/shared-ports';
import type { CommitFlow } from './commit-flow';
import type { PipelineLimits, PipelineObserver } from '../options';
import { OutputBatch } from './output-batch';
import { GROUPED, groupedPosition } from '../stored-positions';

export interface GroupedWriterOptions {
  readonly flow: CommitFlow;
  readonly clock: Clock;
  readonly observer: Pick<PipelineObserver, 'grouped' | 'deadLettered'>;
  readonly limits: Pick<PipelineLimits, 'commitBytes' | 'commitIntervalMs'>;
  /** Positions that the first commit stores as well. */
  readonly firstPositions: ReadonlyMap<string, Position>;
}

export class GroupedWriter {
  readonly #options: GroupedWriterOptions;
  readonly #freeBatches: OutputBatch[] = [];
  #batch: OutputBatch;
  #intervalStartMs: number;
  #firstPositions: ReadonlyMap<string, Position>;

  constructor(options: GroupedWriterOptions) {
    this.#options = options;
    this.#batch = new OutputBatch(options.limits.commitBytes);
    this.#intervalStartMs = options.clock.monotonicMs();
    this.#firstPositions = options.firstPositions;
  }

  /** Takes the next lines; another one after each `flush`. */
  get batch(): OutputBatch {
    return this.#batch;
  }

  /**
   * True when the interval is over and no commit is under way. While one is, the batch grows: under load, fewer and larger
   * commits cost every topic less.
   */
  get isDue(): boolean {
    const { clock, limits, flow } = this.#options;
    return clock.monotonicMs() - this.#intervalStartMs >= limits.commitIntervalMs && flow.isIdle;
  }

  /**
   * Starts the next interval, and sends the batch with `nextOffset` as the position behind it. Waits for room in the commit
   * flow. Resolves to false when the batch was empty.
   * @param tenants names by the indexes that the lines were added with
   * @throws the flow's failure
   */
  async flush(tenants: readonly string[], nextOffset: number): Promise<boolean> {
    const { flow, clock, limits } = this.#options;
    const batch = this.#batch;
    this.#intervalStartMs = clock.monotonicMs();
    if (batch.isEmpty) return false;
    const commit = {
      ...batch.finish(tenants),
      aggregated: [],
      positions: new Map([...this.#firstPositions, [GROUPED, groupedPosition(nextOffset)]]),
    };
    this.#firstPositions = new Map();
    failpoint('pipeline.before-commit');
    this.#batch = this.#freeBatches.pop() ?? new OutputBatch(limits.commitBytes);
    await flow.send(commit, (isStored) => {
      if (isStored) this.#countStored(batch);
      batch.clear();
      this.#freeBatches.push(batch);
    });
    failpoint('pipeline.after-commit');
    return true;
  }

  #countStored(batch: OutputBatch): void {
    const { observer } = this.#options;
    observer.grouped(batch.lines);
    for (const reason of batch.reasons) observer.deadLettered(reason);
  }
}
