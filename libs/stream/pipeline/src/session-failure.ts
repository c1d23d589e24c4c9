// Which failures a new session can recover from.

import { isPulsesError, type ErrorCode, type PulsesError } from '@pulses/shared-errors';

/** They end a session, not the pipeline; so do the retriable ones. */
const RECOVERABLE: ReadonlySet<ErrorCode> = new Set(['FENCED', 'POSITION_CONFLICT', 'TOPIC_UNKNOWN']);

/** True when a new session that starts from the stored positions may continue where this one failed. */
export function isRecoverable(error: unknown): error is PulsesError {
  return isPulsesError(error) && (error.retriable || RECOVERABLE.has(error.code));
}
