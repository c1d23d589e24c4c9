// One session from its stored positions to its end: read, decode, group, sum, commit.
//
// Guarantees: a grouped line or dead letter is committed once, together with the position behind it. A window's sums
// are committed once, after the log has proven that the window is over. Nothing but the log decides a byte of the
// outputs.
//
// The parts: `FairMerge` makes steps of what is read and what is emitted. `StepHandler` carries them out by
// `IngestKernel` (decode and sum), `GroupedWriter` (commits of lines) and `WindowSequence` (commits of sums).

import type { Session } from '@pulses/connector-api';
import { withTimeout } from '@pulses/shared-async';
import { failpoint } from '@pulses/shared-failpoints';
import type { Timer } from '@pulses/shared-ports';
import { FairMerge } from './fair-merge';
import type { PipelineLimits, PipelineOptions } from './options';
import { isRecoverable } from './session-failure';
import { StepHandler } from './step-handler';
import { readPositions } from './stored-positions';

const DRAIN_MS_MAX = 2_000;

/** Runs until the signal aborts (resolves) or something fails (rejects). */
export async function runSession(
  session: Session,
  options: PipelineOptions,
  limits: PipelineLimits,
  signal: AbortSignal,
): Promise<void> {
  const { engine, group, windowMs, live, clock } = options;
  const stored = readPositions(session);
  const kept = await engine.open({ ...session.source, group, windowMs }, stored.windowedOffset);
  options.observer.state({ kind: 'active', sourceHead: () => session.sourceHead() });
  failpoint('pipeline.after-open');
  const handler = new StepHandler(session, options, limits, stored, kept);
  options.logger.debug({ kernel: handler.kernelName, readFrom: handler.readFrom }, 'reading the source');
  const stream = session.read(handler.readFrom);
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
  try {
    askForProof();
    for await (const step of new FairMerge(stream, handler.emission, handler.gathering, signal)) {
      await handler.handle(step);
      askForProof();
      if (step.kind !== 'emission') await live?.answer((tenantId) => handler.liveWindow(tenantId));
    }
  } catch (error) {
    if (!signal.aborted) throw await firstCause(error, session, handler);
  } finally {
    signal.removeEventListener('abort', stop);
    overdue?.cancel();
    stream.close();
    handler.close();
  }
  // Commits under way may still be stored. If not, the next session reads their messages again.
  await withTimeout(handler.settle(), DRAIN_MS_MAX, clock);
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
