// Keeps a session going: opens it, runs it, and opens the next one after a failure that a new session can mend.
//
// Guarantees: nothing is carried from one session to the next but what the connector stored, so an uncertain commit is
// settled by reading the positions, never by assuming.

import { isPulsesError, type ErrorCode } from '@pulses/shared-errors';
import { backoffMs, delay } from '@pulses/shared-service-host';
import { PIPELINE_LIMITS, type PipelineOptions } from './options';
import { runSession } from './session-run';

const BACKOFF = { delayMsMin: 100, delayMsMax: 5_000 };
/** A session that lived so long was sound: the next failure starts the backoff anew. */
const SOUND_SESSION_MS = 10_000;

/** Failures that end a session, not the pipeline, beside the retriable ones. */
const MENDED_BY_A_NEW_SESSION: ReadonlySet<ErrorCode> = new Set(['FENCED', 'POSITION_CONFLICT', 'TOPIC_UNKNOWN']);

/** Resolves after the signal aborted and the session was closed. @throws what no new session can mend */
export async function runPipeline(options: PipelineOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, logger, observer } = options;
  let failures = 0;
  while (!signal.aborted) {
    const startMs = clock.monotonicMs();
    try {
      await runOneSession(options, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!isPulsesError(error) || !(error.retriable || MENDED_BY_A_NEW_SESSION.has(error.code))) throw error;
      failures = clock.monotonicMs() - startMs > SOUND_SESSION_MS ? 1 : failures + 1;
      const delayMs = backoffMs(failures, { ...BACKOFF, random });
      logger.warn({ code: error.code, reason: error.message, delayMs: Math.round(delayMs) }, 'session ended; opening another');
      observer.state({ kind: 'connecting', reason: error.message });
      await delay(delayMs, clock, signal).catch(() => undefined);
    }
  }
}

async function runOneSession(options: PipelineOptions, signal: AbortSignal): Promise<void> {
  const { connector, sourceTopic, group, logger, observer } = options;
  const session = await connector.openSession({
    sourceTopic,
    group,
    signal,
    onStandby: () => {
      observer.state({ kind: 'standby' });
      logger.info({ group, sourceTopic }, 'standing by: another member is active');
    },
  });
  try {
    observer.state({ kind: 'active', sourceHead: () => session.sourceHead() });
    logger.info(
      { group, ...session.source, positions: Object.fromEntries(session.positions) },
      'session active',
    );
    await runSession(session, options, { ...PIPELINE_LIMITS, ...options.limits }, signal);
  } finally {
    await session.close();
  }
}
