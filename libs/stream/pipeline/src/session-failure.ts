// Which failures a new session can mend.

import { isPulsesError, type ErrorCode, type PulsesError } from '@pulses/shared-errors';

/** Failures that end a session, not the pipeline, beside the retriable ones. */
const MENDED_BY_A_NEW_SESSION: ReadonlySet<ErrorCode> = new Set(['FENCED', 'POSITION_CONFLICT', 'TOPIC_UNKNOWN']);

/** True when a new session that starts from the stored positions may go on where this one failed. */
export function isMendable(error: unknown): error is PulsesError {
  return isPulsesError(error) && (error.retriable || MENDED_BY_A_NEW_SESSION.has(error.code));
}
