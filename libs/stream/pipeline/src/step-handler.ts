// What a session does with each step: takes what was read, hands it on, and emits the sums of windows that are over.

import type { AggregationEngine, EngineState } from '@pulses/aggregation-api';
import type { Session, SourceHead, SourceRecords } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { Clock, Random } from '@pulses/shared-ports';
import { CommitFlow } from './commits/commit-flow';
import type { Emission, Gathering, Step } from './fair-merge';
import { GroupedWriter } from './commits/grouped-writer';
import type { LiveWindow } from './windows/live-window';
import type { PipelineLimits } from './options';
import type { SessionObserver } from './partitions/partition-board';
import type { IngestKernel } from './kernel/ingest-kernel';
import { createIngestKernel } from './kernel/wasm-kernel';
import { readLiveWindow } from './windows/read-live-window';
import { KeySpace } from './windows/key-space';
import { firstPositions, resumePointOf, WINDOWED, windowedPosition, type StoredPositions } from './stored-positions';
import { WindowSequence } from './windows/window-sequence';

/** Since the head was reached; more of them are a backlog. */
const LIVE_MESSAGES_MAX = 32_768;

export interface StepHandlerOptions {
  readonly session: Session;
  readonly engine: AggregationEngine;
  readonly clock: Clock;
  readonly random: Random;
  readonly windowMs: number;
  readonly limits: PipelineLimits;
  readonly observer: SessionObserver;
  readonly stored: StoredPositions;
  /** The window that the engine has kept. */
  readonly kept: EngineState | undefined;
  /** All sums of a window are stored: `dropStored` has something to do. */
  windowStored(): void;
}

/** Calls never overlap. After a rejection only `drain` may be called. */
export class StepHandler {
  /** Where the log is read from. */
  readonly readFrom: number;
  readonly #options: StepHandlerOptions;
  readonly #flow: CommitFlow;
  readonly #kernel: IngestKernel;
  readonly #writer: GroupedWriter;
  readonly #windows: WindowSequence;
  /** Where the source had its head when that was last reached. */
  #headOffset = -Infinity;

  constructor(options: StepHandlerOptions) {
    const { session, engine, clock, observer, random, windowMs, limits, stored, kept, windowStored } = options;
    const { source } = session;
    const resume = resumePointOf(stored, kept?.nextOffset);
    this.#options = options;
    this.readFrom = resume.readFrom;
    this.#flow = new CommitFlow({
      session,
      clock,
      underWayMax: limits.commitsUnderWayMax,
      stored: (seconds) => {
        observer.committed(seconds);
      },
    });
    this.#kernel = createIngestKernel({ source, resume, limits, random });
    this.#writer = new GroupedWriter({
      flow: this.#flow,
      clock,
      observer,
      limits,
      firstPositions: firstPositions(session),
      batch: this.#kernel.batch,
    });
    const { bindings } = this.#kernel;
    const { openKeysMax } = limits;
    this.#windows = new WindowSequence({
      session: {
        engine,
        source,
        limits: { ...limits, sumsNow: () => (this.#isLive ? limits.liveSumsMax : limits.sumsMax) },
        flow: this.#flow,
        aggregated: (count) => observer.aggregated(count),
        stored: windowStored,
      },
      stored,
      windowMs,
      keySpace: new KeySpace({ bindings, openKeysMax, random }),
      flush: async () => {
        await this.#flushDelta();
        await this.#flushBatch();
      },
      opened: (window) => {
        this.#kernel.startWindow(window, window.fromOffset);
      },
      movedTo: (offset) => {
        this.#writer.storeAsWell(new Map([[WINDOWED, windowedPosition(offset, undefined)]]));
      },
      closed: () => {
        // From here on the window's sums bring the position.
        this.#writer.storeAsWell(new Map());
        observer.openKeys(0);
      },
    });
    if (kept !== undefined) {
      const window = this.#windows.resume(kept, this.readFrom);
      this.#kernel.startWindow(window, resume.summedOffset);
    }
    observer.readUpTo(this.readFrom);
    this.#countOpenKeys();
  }

  /** What the hot loop runs on. */
  get kernelName(): IngestKernel['name'] {
    return this.#kernel.name;
  }

  /** For the merge with what is read. */
  get emission(): Emission {
    return this.#windows;
  }

  /** When the open window is over; undefined when none is open. */
  get openUntilMs(): number | undefined {
    return this.#windows.open?.endMs;
  }

  /** For the merge, too: a batch of lines that is small waits for more. */
  get gathering(): Gathering {
    return this.#writer;
  }

  async handle(step: Step): Promise<void> {
    if (step.kind === 'records') await this.#takeRecords(step);
    else if (step.kind === 'head') await this.#takeHead(step);
    else if (step.kind === 'flush') await this.#flushDue();
    else await this.#windows.emit();
    await this.dropStored();
  }

  /** Makes the engine forget a window whose sums are all stored. */
  dropStored(): Promise<void> {
    return this.#windows.dropStored();
  }

  /** The open window's sums so far, of one tenant or of all. */
  async liveWindow(tenantId: string | undefined): Promise<LiveWindow | undefined> {
    const window = this.#windows.open;
    if (window === undefined) return undefined;
    await this.#flushDelta();
    await this.#options.engine.flushed?.();
    return await readLiveWindow(this.#options.engine, window, tenantId, this.#options.limits.sumsMax);
  }

  /** Waits until no commit is under way. @throws what the first failed commit was refused with */
  drain(): Promise<void> {
    return this.#flow.drain();
  }

  /** The same; then the engine forgets what is stored. */
  settle(): Promise<void> {
    return this.#windows.settle();
  }

  /** Gives up what the session holds. Nothing else may be called afterwards. */
  close(): void {
    this.#writer.close();
    this.#kernel.close();
  }

  /** Whether new messages are read soon after they come. */
  get #isLive(): boolean {
    return this.#kernel.nextOffset - this.#headOffset <= LIVE_MESSAGES_MAX;
  }

  async #takeRecords(records: SourceRecords): Promise<void> {
    const kernel = this.#kernel;
    if (records.baseOffset < kernel.nextOffset)
      throw new PulsesError('PROTOCOL_VIOLATION', `offset ${records.baseOffset} came, ${kernel.nextOffset} was next`);
    const window = await this.#windows.enter(records.timestampMs, records.baseOffset);
    for (let index = 0; index < records.recordCount;) {
      index = kernel.take(records, index, window);
      if (kernel.delta.isFull) await this.#flushDelta();
      if (index < records.recordCount) await this.#flushBatch();
    }
    if (this.#writer.isDue) await this.#flushBatch();
    failpoint('pipeline.after-records');
    this.#options.observer.readUpTo(kernel.nextOffset);
  }

  /** Everything stored was read: what waits can go when it is due, and a window that ends at `clockMs` or earlier is over. */
  async #takeHead({ clockMs, nextOffset }: SourceHead): Promise<void> {
    this.#headOffset = nextOffset;
    this.#options.observer.atHead(clockMs);
    this.#options.observer.readUpTo(nextOffset);
    this.#options.engine.check?.();
    if (!(await this.#windows.closeIfOver(clockMs)) && this.#writer.isDue) await this.#flushBatch();
    // A rebuilt window has keys before it has anything to commit.
    this.#countOpenKeys();
  }

  async #flushDue(): Promise<void> {
    if (this.#writer.takeDue()) await this.#flushBatch();
  }

  async #flushDelta(): Promise<void> {
    const { delta } = this.#kernel;
    if (delta.length === 0) return;
    const added = this.#options.engine.add(delta);
    if (added !== undefined) await added;
    delta.clear();
  }

  async #flushBatch(): Promise<void> {
    const tenants = this.#windows.open?.tenants ?? [];
    if (!(await this.#writer.flush(tenants, this.#kernel.nextOffset))) return;
    this.#countOpenKeys();
    // What survives should not be far behind what is committed.
    if (this.#options.engine.supports.survivesRestart) await this.#flushDelta();
  }

  #countOpenKeys(): void {
    this.#options.observer.openKeys(this.#windows.open?.keys.size ?? 0);
  }
}
