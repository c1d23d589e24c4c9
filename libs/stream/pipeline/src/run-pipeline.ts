// Runs one session after another: after a failure that a new session can recover from, it opens the next one.
//
// Guarantees: a session starts from what the connector stored and from nothing else. So an uncertain commit is settled by
// reading the positions, never by an assumption.

import { backoffMs, delay, retryLog } from '@pulses/shared-async';
import { limitsOf, type PipelineLimits, type PipelineOptions } from './options';
import { isRecoverable } from './session-failure';
import { runSession } from './session-run';

const BACKOFF = { delayMsMin: 100, delayMsMax: 5_000 };
/** A session that lasted this long, or stored something, resets the backoff. */
const SOUND_SESSION_MS = 10_000;

/** Resolves after the signal has aborted and the session is closed. @throws what no new session can recover from */
export async function runPipeline(options: PipelineOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, logger, observer } = options;
  const limits = limitsOf(options.limits);
  let failures = 0;
  // Each active session has a line, so the first failure after one has, too.
  let failedSinceActive = 0;
  const noteRetry = retryLog(logger, clock, 'session ended; opening another');
  const sound: PipelineOptions = {
    ...options,
    observer: {
      ...observer,
      committed: (seconds) => {
        failures = 0;
        observer.committed(seconds);
      },
    },
  };
  while (!signal.aborted) {
    const startMs = clock.monotonicMs();
    try {
      await runOneSession(sound, limits, signal, () => {
        failedSinceActive = 0;
      });
    } catch (error) {
      if (signal.aborted) return;
      if (!isRecoverable(error)) throw error;
      if (clock.monotonicMs() - startMs > SOUND_SESSION_MS) failures = 0;
      failures += 1;
      const delayMs = backoffMs(failures, { ...BACKOFF, random });
      failedSinceActive += 1;
      noteRetry(error, failedSinceActive, delayMs);
      observer.state({ kind: 'connecting', reason: error.message });
      await delay(delayMs, clock, signal).catch(() => undefined);
    }
  }
}

async function runOneSession(
  options: PipelineOptions,
  limits: PipelineLimits,
  signal: AbortSignal,
  onActive: () => void,
): Promise<void> {
  const { connector, sourceTopic, group, logger, observer } = options;
  let hasStoodBy = false;
  const session = await connector.openSession({
    sourceTopic,
    group,
    signal,
    onStandby: (ask) => {
      hasStoodBy = true;
      observer.state({ kind: 'standby', ask });
      logger.info({ group, sourceTopic }, 'standing by: another member is active');
    },
  });
  try {
    // Active once the engine is open, too.
    if (hasStoodBy) observer.state({ kind: 'connecting', reason: 'the engine has not answered yet' });
    logger.info({ group, ...session.source, positions: Object.fromEntries(session.positions) }, 'session active');
    onActive();
    await runSession(session, options, limits, signal);
  } finally {
    await session.close();
  }
}
