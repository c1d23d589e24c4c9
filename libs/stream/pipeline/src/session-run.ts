// One session from its stored positions to its end: read, decode, group, sum, commit.
//
// Guarantees: a grouped line or dead letter is committed once, together with the position behind it; a window's sums are
// committed once, after the log has proven that the window is over. Nothing but the log decides a byte of the outputs.

import { windowStartOf, type EngineState } from '@pulses/aggregation-api';
import type { OutputCommit, Session, SourceEvent, SourceRecords } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import { withTimeout } from '@pulses/shared-async';
import { createGroupedIds, createPulseReader, deadLetterLine, type GroupedIds } from '@pulses/shared-pulse-model';
import { createCommitFlow, type CommitFlow } from './commit-flow';
import { DeltaAccumulator } from './delta-accumulator';
import { OpenWindow } from './open-window';
import type { LiveWindow } from './live-window';
import { readLiveWindow } from './read-live-window';
import type { PipelineLimits, PipelineOptions } from './options';
import { OutputBatch } from './output-batch';
import { isMendable } from './session-failure';
import { GROUPED, groupedPosition, readPositions, type StoredPositions } from './stored-positions';
import { emitWindow } from './window-emitter';

const DRAIN_MS_MAX = 2_000;
/** Then some sums of a closed window go first. */
const EVENTS_BEFORE_SUMS_MAX = 64;

/** Runs until the signal aborts (resolves) or something fails (rejects). */
export async function runSession(
  session: Session,
  options: PipelineOptions,
  limits: PipelineLimits,
  signal: AbortSignal,
): Promise<void> {
  const { engine, group, windowMs } = options;
  const stored = readPositions(session);
  const kept = await engine.open({ ...session.source, group, windowMs }, stored.windowedOffset);
  failpoint('pipeline.after-open');
  const run = new SessionRun(session, options, limits, stored, kept);
  const stream = session.read(run.readFrom);
  const stop = () => {
    stream.close();
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    let coming: Promise<SourceEvent> | undefined;
    let passedOver = 0;
    while (!signal.aborted) {
      const emissionDue = run.emissionDue();
      let event: SourceEvent | undefined;
      if (passedOver >= EVENTS_BEFORE_SUMS_MAX) {
        // A source that has an event at once, each time, would not let the event loop turn.
        await emissionDue;
      } else {
        coming ??= stream.next();
        event = await (emissionDue === undefined ? coming : Promise.race([emissionDue, coming]));
      }
      if (event !== undefined) {
        coming = undefined;
        passedOver = emissionDue === undefined ? 0 : passedOver + 1;
        if (event.kind === 'records') await run.takeRecords(event);
        else await run.takeHead(event.clockMs);
        await options.live?.answer((tenantId) => run.liveWindow(tenantId));
      } else {
        passedOver = 0;
      }
      await run.emitDue();
      await run.forgetStored();
    }
  } catch (error) {
    if (!signal.aborted) throw await firstCause(error, session, run);
  } finally {
    signal.removeEventListener('abort', stop);
    stream.close();
  }
  // What is under way when the ingestor stops may still be stored; whether it was, the next session finds out.
  await withTimeout(run.settle(), DRAIN_MS_MAX, options.clock);
}

/**
 * What a failed session rejects with. A commit that is refused ends the session, so the stream may fail before the refusal
 * is heard of, with an error that says less: the one that no new session can mend goes first.
 */
async function firstCause(error: unknown, session: Session, run: SessionRun): Promise<unknown> {
  if (!isMendable(error)) return error;
  await session.close();
  const commitFailure: unknown = await run.drain().catch((failure: unknown) => failure);
  return commitFailure === undefined || isMendable(commitFailure) ? error : commitFailure;
}

/** A window that is over. */
interface ClosedWindow {
  readonly startMs: number;
  /** Makes its sums into commits. @see emitWindow */
  readonly emission: AsyncGenerator<boolean, void>;
  /** True when the next step sends a commit. */
  sendsNext: boolean;
  /** True once all of them were sent. */
  isSent: boolean;
  /** True once the last of them is stored, and so all. */
  isStored: boolean;
}

class SessionRun {
  /** Where the log is read from. */
  readonly readFrom: number;
  private readonly reader = createPulseReader();
  private readonly ids: GroupedIds;
  private readonly flow: CommitFlow;
  /** Batches that no commit holds. */
  private readonly freeBatches: OutputBatch[] = [];
  private batch: OutputBatch;
  private batchStartMs: number;
  private readonly delta: DeltaAccumulator;
  private window: OpenWindow | undefined;
  /** The window before, until the engine has forgotten it. */
  private closed: ClosedWindow | undefined;
  /** @see emissionDue */
  private due: Promise<undefined> | undefined;
  private isDue = false;
  /** Messages below it have their output lines since an earlier session. */
  private readonly groupedOffset: number;
  /** Messages below it are in the engine's sums since an earlier session. */
  private readonly summedOffset: number;
  private nextOffset: number;

  constructor(
    private readonly session: Session,
    private readonly options: PipelineOptions,
    private readonly limits: PipelineLimits,
    private readonly stored: StoredPositions,
    kept: EngineState | undefined,
  ) {
    const { clock, observer } = options;
    this.groupedOffset = Math.max(stored.groupedOffset, stored.windowedOffset);
    this.summedOffset = kept?.nextOffset ?? stored.windowedOffset;
    this.readFrom = kept === undefined ? stored.windowedOffset : Math.min(this.groupedOffset, kept.nextOffset);
    this.nextOffset = this.readFrom;
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
    this.batchStartMs = clock.monotonicMs();
    this.delta = new DeltaAccumulator(limits.deltaRowsMax);
    if (kept !== undefined) {
      this.window = this.openWindow(kept.windowStartMs, stored.windowedOffset);
      this.window.takeKeys(kept.keys);
      this.window.nextOffset = this.readFrom;
      this.delta.startWindow(this.window.startMs, this.window.keys, this.summedOffset);
    }
    observer.readUpTo(this.readFrom);
    observer.openKeys(this.window?.keys.size ?? 0);
  }

  async takeRecords(records: SourceRecords): Promise<void> {
    if (records.baseOffset !== this.nextOffset)
      throw new PulsesError('PROTOCOL_VIOLATION', `offset ${records.baseOffset} came, ${this.nextOffset} was next`);
    await this.enterWindowOf(records.timestampMs);
    for (let index = 0; index < records.recordCount;) {
      index = this.takeSome(records, index);
      if (this.delta.isFull) await this.flushDelta();
      if (index < records.recordCount) await this.flushBatch();
    }
    // While a commit is under way the batch grows: under load fewer and larger ones cost every topic less.
    const isDue = this.options.clock.monotonicMs() - this.batchStartMs >= this.limits.commitIntervalMs;
    if (isDue && this.flow.isIdle) await this.flushBatch();
    failpoint('pipeline.after-records');
    this.options.observer.readUpTo(this.nextOffset);
  }

  /** Everything stored was read: what waits can go, and a window that ends before `clockMs` is over. */
  async takeHead(clockMs: number): Promise<void> {
    this.options.engine.check?.();
    if (this.window !== undefined && clockMs >= this.window.endMs) await this.closeWindow();
    else await this.flushBatch();
    // A rebuilt window has keys before it has anything to commit.
    this.options.observer.openKeys(this.window?.keys.size ?? 0);
  }

  /** Resolves when `emitDue` has something to do; undefined when all sums of a closed window are on their way. */
  emissionDue(): Promise<undefined> | undefined {
    if (!this.isEmitting) return undefined;
    this.due ??= this.untilDue();
    return this.due;
  }

  /**
   * Emits a few sums of the closed window, when there is room for a commit, once in a turn of the event loop: beside what is
   * read, however fast that comes. Between two events only.
   */
  async emitDue(): Promise<void> {
    if (!this.isDue) return;
    this.isDue = false;
    this.due = undefined;
    await this.emitSome();
  }

  /**
   * Makes the engine forget the closed window once all its sums are stored, not before: an engine that survives a crash has
   * them until then. Between two events only.
   */
  async forgetStored(): Promise<void> {
    if (this.closed?.isStored !== true) return;
    failpoint('window.before-drop');
    await this.options.engine.drop(this.closed.startMs);
    failpoint('window.after-drop');
    this.closed = undefined;
  }

  /** Waits until no commit is under way. */
  drain(): Promise<void> {
    return this.flow.drain();
  }

  /** The same, and what the engine has to forget then, it forgets. */
  async settle(): Promise<void> {
    await this.flow.drain();
    await this.forgetStored();
  }

  /** The open window's sums so far, of one tenant or of all; between two events only. */
  async liveWindow(tenantId: string | undefined): Promise<LiveWindow | undefined> {
    const { window } = this;
    if (window === undefined) return undefined;
    await this.flushDelta();
    await this.options.engine.flushed?.();
    return await readLiveWindow(this.options.engine, window, tenantId, this.limits.sumsMax);
  }

  /** The hot loop: takes messages from `index` on until all are taken, or batch or delta are full; answers the next index. */
  private takeSome(records: SourceRecords, index: number): number {
    const { reader, ids, batch, delta, groupedOffset, summedOffset } = this;
    const window = this.window as OpenWindow;
    const { keyFields } = window;
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
          if (!batch.hasRoomFor(keyFields.lengthOf(key))) break;
          batch.addGrouped(window.tenantOfKey[key] as number, ids, offset, keyFields, key, reader.amount, timestampS);
        }
        if (offset >= summedOffset) delta.add(key, reader.amount, timestampMs);
      } else if (offset >= groupedOffset) {
        if (batch.isFull) break;
        const raw = bytes.subarray(start, end);
        batch.addDeadLetter(deadLetterLine(offset, reader.reason, reader.detail, raw, timestampMs), reader.reason);
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
      const window = this.openWindow(timestampMs, this.nextOffset);
      // Of another length, after a restart.
      if (window.startMs === this.closed?.startMs) await this.finishClosed();
      this.window = window;
      this.delta.startWindow(window.startMs, window.keys, window.fromOffset);
    }
    const { startMs, endMs } = this.window;
    if (timestampMs < startMs || timestampMs >= endMs)
      throw new PulsesError(
        'PROTOCOL_VIOLATION',
        `log time ${timestampMs} is not in the window from ${startMs} to ${endMs}`,
      );
  }

  private openWindow(timestampMs: number, fromOffset: number): OpenWindow {
    const { stored, options, limits } = this;
    // A window of which an earlier session has emitted a part keeps the length it had then.
    const resumed = fromOffset === stored.windowedOffset ? stored.progress : undefined;
    const windowMs = resumed?.windowMs ?? options.windowMs;
    const seed = Buffer.from(options.random.bytes(8));
    return new OpenWindow({
      startMs: resumed?.windowStartMs ?? windowStartOf(timestampMs, windowMs),
      windowMs,
      fromOffset,
      emittedKeys: resumed?.emittedKeys ?? 0,
      keysMax: limits.openKeysMax,
      hashSeed: [seed.readInt32LE(0), seed.readInt32LE(4)],
    });
  }

  /** Its sums follow beside what is read next; those of the window before go first. */
  private async closeWindow(): Promise<void> {
    const window = this.window;
    if (window === undefined) return;
    await this.finishClosed();
    await this.flushDelta();
    await this.flushBatch();
    const { engine, observer } = this.options;
    const emission = emitWindow(engine, this.session.source, window, this.limits, (commit, lineCount, isLast) =>
      this.flow.send(commit, (isStored) => {
        if (!isStored) return;
        observer.aggregated(lineCount);
        if (isLast) closed.isStored = true;
      }),
    );
    const closed: ClosedWindow = {
      startMs: window.startMs,
      emission,
      sendsNext: false,
      isSent: false,
      isStored: false,
    };
    this.closed = closed;
    observer.openKeys(0);
    this.window = undefined;
    // The engine seals it now, before it hears of the next one.
    await this.emitSome();
  }

  /** True while sums of a closed window wait to be emitted. */
  private get isEmitting(): boolean {
    return this.closed?.isSent === false;
  }

  private async untilDue(): Promise<undefined> {
    if (this.closed?.sendsNext === true) await this.flow.room();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    this.isDue = true;
    return undefined;
  }

  private async emitSome(): Promise<void> {
    const { closed } = this;
    if (closed === undefined || closed.isSent) return;
    const { done, value } = await closed.emission.next();
    closed.isSent = done === true;
    closed.sendsNext = value === true;
  }

  /** Waits until the window before is emitted, stored and forgotten. */
  private async finishClosed(): Promise<void> {
    if (this.closed === undefined) return;
    while (this.isEmitting) await this.emitSome();
    await this.settle();
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
    const { observer, clock, engine } = this.options;
    this.batchStartMs = clock.monotonicMs();
    if (batch.isEmpty || window === undefined) return;
    const commit: OutputCommit = {
      ...batch.finish(window.tenants),
      aggregated: [],
      positions: new Map([[GROUPED, groupedPosition(this.nextOffset)]]),
    };
    failpoint('pipeline.before-commit');
    observer.openKeys(window.keys.size);
    this.batch = this.freeBatches.pop() ?? new OutputBatch(this.limits.commitBytes);
    await this.flow.send(commit, (isStored) => {
      if (isStored) this.countStored(batch);
      batch.clear();
      this.freeBatches.push(batch);
    });
    failpoint('pipeline.after-commit');
    // What survives should not be far behind what is committed.
    if (engine.supports.survivesRestart) await this.flushDelta();
  }

  private countStored(batch: OutputBatch): void {
    const { observer } = this.options;
    observer.grouped(batch.lines);
    for (const reason of batch.reasons) observer.deadLettered(reason);
  }
}
