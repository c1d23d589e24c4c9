// One session from its stored positions to its end: read, decode, group, sum, commit.
//
// Guarantees: a grouped line or dead letter is committed once, together with the position behind it. A window's sums
// are committed once, after the log has proven that the window is over. Nothing but the log decides a byte of the
// outputs.
//
// The parts: `FairMerge` makes steps of what is read and what is emitted. `StepHandler` carries them out by
// `IngestKernel` (decode and sum), `GroupedWriter` (commits of lines) and `WindowSequence` (commits of sums).

import type { AggregationEngine } from '@pulses/aggregation-api';
import type { Session } from '@pulses/connector-api';
import { withTimeout } from '@pulses/shared-async';
import { failpoint } from '@pulses/shared-failpoints';
import type { Timer } from '@pulses/shared-ports';
import { FairMerge } from './fair-merge';
import { IdleWork } from './idle-work';
import type { PipelineLimits, PipelineOptions } from './options';
import type { SessionObserver } from './partitions/partition-board';
import { isRecoverable } from './session-failure';
import { StepHandler } from './step-handler';
import { readPositions } from './stored-positions';

const DRAIN_MS_MAX = 2_000;

export interface SessionOptions extends Pick<
  PipelineOptions,
  'group' | 'windowMs' | 'clock' | 'random' | 'logger' | 'live'
> {
  readonly engine: AggregationEngine;
  readonly limits: PipelineLimits;
  readonly signal: AbortSignal;
  /** Whether other sessions run on the same event loop. */
  isShared(): boolean;
  /** The engine is open: the session works from now on. */
  activate(): SessionObserver;
}

/** Runs until the signal aborts (resolves) or something fails (rejects). */
export async function runSession(session: Session, options: SessionOptions): Promise<void> {
  const { engine, group, windowMs, live, clock, signal } = options;
  const stored = readPositions(session);
  const kept = await engine.open({ ...session.source, group, windowMs }, stored.windowedOffset);
  const observer = options.activate();
  failpoint('pipeline.after-open');
  const idle = new IdleWork(async () => {
    await live?.answer(reader, (tenantId) => handler.liveWindow(tenantId));
    await handler.dropStored();
  });
  const reader = { partition: session.source.partition, wake: () => idle.wake() };
  const handler = new StepHandler({ ...options, session, observer, stored, kept, windowStored: reader.wake });
  options.logger.debug({ kernel: handler.kernelName, readFrom: handler.readFrom }, 'reading the source');
  const stream = session.read(handler.readFrom);
  idle.failed = () => {
    stream.close();
  };
  let provenMs: number | undefined;
  /** Without the proof an idle log need not tell that the open window is over. */
  const askForProof = () => {
    const { openUntilMs } = handler;
    if (openUntilMs !== undefined && openUntilMs !== provenMs) stream.provePast(openUntilMs);
    provenMs = openUntilMs;
  };
  let overdue: Timer | undefined;
  const stop = () => {
    stream.close();
    // Behind a broker that hangs, a step waits for room. Closing the session fails its commits, which ends the wait.
    overdue = clock.setTimer(DRAIN_MS_MAX, () => void session.close());
  };
  signal.addEventListener('abort', stop, { once: true });
  live?.join(reader);
  try {
    askForProof();
    idle.begin();
    for await (const step of new FairMerge(stream, handler.emission, handler.gathering, signal)) {
      const busy = idle.pause();
      if (busy !== undefined) await busy;
      // What has failed is asked nothing more.
      if (idle.failure !== undefined) throw idle.failure as Error;
      await handler.handle(step);
      askForProof();
      await live?.answer(reader, (tenantId) => handler.liveWindow(tenantId));
      if (options.isShared()) await turn();
      idle.begin();
    }
  } catch (error) {
    if (!signal.aborted) throw await firstCause(idle.failure ?? error, session, handler);
  } finally {
    signal.removeEventListener('abort', stop);
    overdue?.cancel();
    live?.leave(reader);
    stream.close();
    await idle.end();
    handler.close();
  }
  // Commits under way may still be stored. If not, the next session reads their messages again.
  await withTimeout(handler.settle(), DRAIN_MS_MAX, clock);
}

/** Lets the other sessions, and what comes over sockets, have their turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/**
 * What a failed session rejects with. A commit that is refused ends the session, so the stream may fail before the refusal
 * arrives, with an error that says less. The failure that no new session can recover from takes precedence.
 */
async function firstCause(error: unknown, session: Session, handler: StepHandler): Promise<unknown> {
  if (!isRecoverable(error)) return error;
  await session.close();
  const commitFailure: unknown = await handler.drain().catch((failure: unknown) => failure);
  return commitFailure === undefined || isRecoverable(commitFailure) ? error : commitFailure;
}
