// The exit code and the error line of a failed program.

import { isPulsesError, type ErrorCode } from '@pulses/shared-errors';

const EXIT_CODES: Partial<Record<ErrorCode, number>> = {
  CONFIG_INVALID: 2,
  ADDRESS_IN_USE: 2,
  DATA_DIR_LOCKED: 2,
  NOT_A_BROKER: 2,
  JOURNAL_CORRUPT: 3,
};

/** The exit code of a failure; 1 unless its error code has one of its own. */
export function exitCodeOf(error: unknown): number {
  return (isPulsesError(error) && EXIT_CODES[error.code]) || 1;
}

/** The failure on one line. */
export function errorLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s*\n\s*/g, ' ');
}
