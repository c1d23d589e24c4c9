// One session from its stored positions to its end: read, decode, group, sum, commit.
//
// Guarantees: a grouped line or dead letter is committed once, together with the position behind it; a window's sums are
// committed once, after the log has proven that the window is over. Nothing but the log decides a byte of the outputs.

import { windowStartOf } from '@pulses/aggregation-api';
import type { OutputCommit, Session, SourceRecords } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { createGroupedIds, createPulseReader, deadLetterLine, type GroupedIds } from '@pulses/shared-pulse-model';
import { createCommitFlow, type CommitFlow } from './commit-flow';
import { DeltaAccumulator } from './delta-accumulator';
import { OpenWindow } from './open-window';
import type { PipelineLimits, PipelineOptions } from './options';
import { OutputBatch } from './output-batch';
import { GROUPED, groupedPosition, readPositions, type StoredPositions } from './stored-positions';
import { emitWindow } from './window-emitter';

/** Runs until the signal aborts (resolves) or something fails (rejects). */
export async function runSession(
  session: Session,
  options: PipelineOptions,
  limits: PipelineLimits,
  signal: AbortSignal,
): Promise<void> {
  const run = new SessionRun(session, options, limits, readPositions(session));
  await run.start();
  const stream = session.read(run.readFrom);
  const stop = () => {
    stream.close();
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    while (!signal.aborted) {
      const event = await stream.next();
      if (event.kind === 'records') await run.takeRecords(event);
      else await run.takeHead(event.clockMs);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    stream.close();
  }
  await run.drain();
}

class SessionRun {
  readonly readFrom: number;
  private readonly reader = createPulseReader();
  private readonly ids: GroupedIds;
  private readonly flow: CommitFlow;
  /** Batches that no commit holds. */
  private readonly freeBatches: OutputBatch[];
  private batch: OutputBatch;
  private batchStartMs: number;
  private readonly delta: DeltaAccumulator;
  private window: OpenWindow | undefined;
  /** Messages below it have their output lines. */
  private groupedOffset: number;
  private nextOffset: number;

  constructor(
    private readonly session: Session,
    private readonly options: PipelineOptions,
    private readonly limits: PipelineLimits,
    private readonly stored: StoredPositions,
  ) {
    const { clock, observer } = options;
    this.readFrom = stored.windowedOffset;
    this.nextOffset = stored.windowedOffset;
    this.groupedOffset = Math.max(stored.groupedOffset, stored.windowedOffset);
    this.ids = createGroupedIds(session.source);
    this.flow = createCommitFlow({
      session,
      clock,
      underWayMax: limits.commitsUnderWayMax,
      stored: (seconds) => {
        observer.committed(seconds);
      },
    });
    this.batch = new OutputBatch(limits.commitBytes);
    this.freeBatches = [];
    this.batchStartMs = clock.monotonicMs();
    const firstWindow = this.openWindow(0);
    this.delta = new DeltaAccumulator(limits.deltaRowsMax, firstWindow.keys);
  }

  async start(): Promise<void> {
    const { engine, group, windowMs } = this.options;
    const { topic, incarnation } = this.session.source;
    await engine.open({ topic, incarnation, group, windowMs });
  }

  async takeRecords(records: SourceRecords): Promise<void> {
    if (records.baseOffset !== this.nextOffset)
      throw new PulsesError('PROTOCOL_VIOLATION', `offset ${records.baseOffset} came, ${this.nextOffset} was next`);
    await this.enterWindowOf(records.timestampMs);
    for (let index = 0; index < records.recordCount; ) {
      index = this.takeSome(records, index);
      if (this.delta.isFull) await this.flushDelta();
      if (index < records.recordCount) await this.flushBatch();
    }
    if (this.options.clock.monotonicMs() - this.batchStartMs >= this.limits.commitIntervalMs) await this.flushBatch();
    this.options.observer.readUpTo(this.nextOffset);
  }

  /** Everything stored was read: what waits can go, and a window that ends before `clockMs` is over. */
  async takeHead(clockMs: number): Promise<void> {
    if (this.window !== undefined && clockMs >= this.window.endMs) await this.closeWindow();
    else await this.flushBatch();
  }

  drain(): Promise<void> {
    return this.flow.drain();
  }

  /** The hot loop: takes messages from `index` on until all are taken, or batch or delta are full; answers the next index. */
  private takeSome(records: SourceRecords, index: number): number {
    const { reader, ids, batch, delta, groupedOffset } = this;
    const window = this.window as OpenWindow;
    const { bytes, ends, gap, recordCount, baseOffset, timestampMs } = records;
    const timestampS = Math.floor(timestampMs / 1000);
    let start = index === 0 ? records.start : (ends[index - 1] as number) + gap;
    let at = index;
    for (; at < recordCount && !delta.isFull; at += 1) {
      const end = ends[at] as number;
      const offset = baseOffset + at;
      if (reader.read(bytes, start, end)) {
        const key = window.keyOf(reader);
        if (offset >= groupedOffset) {
          const keyFields = window.keyFields[key] as Uint8Array;
          if (!batch.hasRoomFor(keyFields)) break;
          batch.addGrouped(window.tenantOfKey[key] as number, ids, offset, keyFields, reader.amount, timestampS);
        }
        delta.add(key, reader.amount, timestampMs);
      } else if (offset >= groupedOffset) {
        if (batch.isFull) break;
        batch.addDeadLetter(deadLetterLine(offset, reader.reason, reader.detail, bytes.subarray(start, end), timestampMs));
        this.options.observer.deadLettered(reader.reason);
      }
      start = end + gap;
    }
    this.nextOffset = baseOffset + at;
    window.nextOffset = this.nextOffset;
    delta.nextOffset = this.nextOffset;
    return at;
  }

  /** Closes the window before, if the log has passed its end, and opens the one of this time. */
  private async enterWindowOf(timestampMs: number): Promise<void> {
    if (this.window !== undefined && timestampMs >= this.window.endMs) await this.closeWindow();
    if (this.window === undefined) {
      this.window = this.openWindow(timestampMs);
      this.delta.startWindow(this.window.startMs, this.window.keys, this.window.fromOffset);
    }
    if (timestampMs < this.window.startMs)
      throw new PulsesError('PROTOCOL_VIOLATION', `log time ran back to ${timestampMs}, before ${this.window.startMs}`);
  }

  private openWindow(timestampMs: number): OpenWindow {
    const { progress } = this.stored;
    // A window of which an earlier session has emitted a part keeps the length it had then.
    const resumed = progress !== undefined && this.nextOffset === this.stored.windowedOffset ? progress : undefined;
    const windowMs = resumed?.windowMs ?? this.options.windowMs;
    return new OpenWindow({
      startMs: resumed?.windowStartMs ?? windowStartOf(timestampMs, windowMs),
      windowMs,
      fromOffset: this.nextOffset,
      emittedKeys: resumed?.emittedKeys ?? 0,
      keysMax: this.limits.openKeysMax,
    });
  }

  private async closeWindow(): Promise<void> {
    const window = this.window;
    if (window === undefined) return;
    await this.flushDelta();
    await this.flushBatch();
    const { engine, observer } = this.options;
    const emitted = await emitWindow(engine, this.session.source, window, (commit) => this.flow.send(commit, () => undefined));
    observer.aggregated(emitted);
    observer.openKeys(0);
    this.window = undefined;
  }

  private async flushDelta(): Promise<void> {
    if (this.delta.length === 0) return;
    const added = this.options.engine.add(this.delta);
    if (added !== undefined) await added;
    this.delta.clear();
  }

  /** Sends what is in the batch, with the position behind it. */
  private async flushBatch(): Promise<void> {
    const { batch, window } = this;
    this.batchStartMs = this.options.clock.monotonicMs();
    if (batch.isEmpty || window === undefined) return;
    const commit: OutputCommit = {
      ...batch.finish(window.tenants),
      aggregated: [],
      positions: new Map([[GROUPED, groupedPosition(this.nextOffset)]]),
    };
    this.options.observer.grouped(batch.lines);
    this.options.observer.openKeys(window.keys.size);
    this.groupedOffset = this.nextOffset;
    this.batch = this.freeBatches.pop() ?? new OutputBatch(this.limits.commitBytes);
    await this.flow.send(commit, () => {
      batch.clear();
      this.freeBatches.push(batch);
    });
  }
}
