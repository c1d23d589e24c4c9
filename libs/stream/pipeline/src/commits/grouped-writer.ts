// Makes commits of grouped lines and dead letters, each with the position behind them.
//
// Guarantees: lines and their position are one commit, so neither is stored without the other. A buffer is reused only after
// its commit has settled. A batch is due after the interval, whether or not more comes. Bounds: a buffer for each commit
// under way, and one more.

import type { Position } from '@pulses/connector-api';
import { failpoint } from '@pulses/shared-failpoints';
import type { Clock, Timer } from '@pulses/shared-ports';
import type { DeadLetterReason } from '@pulses/shared-pulse-model';
import type { CommitFlow } from './commit-flow';
import type { PipelineLimits, PipelineObserver } from '../options';
import type { OutputBatch } from './output-batch';
import { GROUPED, groupedPosition } from '../stored-positions';

export interface GroupedWriterOptions {
  readonly flow: CommitFlow;
  readonly clock: Clock;
  readonly observer: Pick<PipelineObserver, 'grouped' | 'deadLettered'>;
  readonly limits: Pick<PipelineLimits, 'commitBytes' | 'commitIntervalMs'>;
  /** Positions that the first commit stores as well; see `storeAsWell`. */
  readonly firstPositions: ReadonlyMap<string, Position>;
  /** What the commits are made of. */
  readonly batch: OutputBatch;
}

export class GroupedWriter {
  readonly #options: GroupedWriterOptions;
  readonly #freeBuffers: Buffer[] = [];
  #intervalStartMs: number;
  #underWay = 0;
  #due: { readonly promise: Promise<void>; readonly timer: Timer } | undefined;
  #morePositions: ReadonlyMap<string, Position>;

  constructor(options: GroupedWriterOptions) {
    this.#options = options;
    this.#intervalStartMs = options.clock.monotonicMs();
    this.#morePositions = options.firstPositions;
  }

  /**
   * True when the interval is over and no commit of lines is under way. While one is, the batch grows: under load, fewer and
   * larger commits cost every topic less. Lines do not wait for the sums of a window.
   */
  get isDue(): boolean {
    const { clock, limits } = this.#options;
    return clock.monotonicMs() - this.#intervalStartMs >= limits.commitIntervalMs && this.#isFree;
  }

  get #isFree(): boolean {
    return this.#underWay === 0 && this.#options.flow.hasRoom;
  }

  /** Positions that the next commit stores as well, in place of those that were given before and are not sent yet. */
  storeAsWell(positions: ReadonlyMap<string, Position>): void {
    this.#morePositions = positions;
  }

  /** Resolves when the batch is due; undefined while it is empty. @throws (rejects) the flow's failure */
  untilDue(): Promise<void> | undefined {
    if (this.#options.batch.isEmpty) return undefined;
    return (this.#due ??= this.#awaitDue()).promise;
  }

  /** After `untilDue` has resolved: whether the batch is still due. If not, `untilDue` begins to wait again. */
  takeDue(): boolean {
    this.close();
    return this.isDue;
  }

  /** Waits no longer. */
  close(): void {
    this.#due?.timer.cancel();
    this.#due = undefined;
  }

  /**
   * Starts the next interval, and sends the batch with `nextOffset` as the position behind it. Waits for room in the commit
   * flow. Resolves to false when the batch was empty.
   * @param tenants names by the indexes that the lines were added with
   * @throws the flow's failure
   */
  async flush(tenants: readonly string[], nextOffset: number): Promise<boolean> {
    const { flow, clock, limits, batch } = this.#options;
    this.#intervalStartMs = clock.monotonicMs();
    this.close();
    if (batch.isEmpty) return false;
    const buffer = this.#freeBuffers.pop() ?? Buffer.allocUnsafeSlow(limits.commitBytes);
    const { reasons } = batch;
    const lineCount = batch.lines.length;
    const commit = {
      ...batch.finish(tenants, buffer),
      aggregated: undefined,
      positions: new Map([...this.#morePositions, [GROUPED, groupedPosition(nextOffset)]]),
    };
    this.#morePositions = new Map();
    failpoint('pipeline.before-commit');
    this.#underWay += 1;
    await flow.send(commit, (isStored) => {
      if (isStored) this.#countStored(lineCount, reasons);
      this.#underWay -= 1;
      this.#freeBuffers.push(buffer);
    });
    failpoint('pipeline.after-commit');
    return true;
  }

  #awaitDue(): { promise: Promise<void>; timer: Timer } {
    const { flow, clock, limits } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const leftMs = this.#intervalStartMs + limits.commitIntervalMs - clock.monotonicMs();
    const timer = clock.setTimer(Math.max(0, leftMs), resolve);
    return { promise: promise.then(() => flow.until(() => this.#isFree)), timer };
  }

  #countStored(lineCount: number, reasons: readonly DeadLetterReason[]): void {
    const { observer } = this.#options;
    observer.grouped(lineCount);
    for (const reason of reasons) observer.deadLettered(reason);
  }
}
