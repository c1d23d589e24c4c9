// The one error class of operating failures. Branch on `code`, never on the text.
//
// Guarantees: a code means one thing. The class is final, so `retriable` is what the catalogue says.

import { ERROR_CATALOGUE, type ErrorCode } from './catalogue';

/** An operating failure with a code of the catalogue. */
export class PulsesError extends Error {
  /** Stable code, see docs/errors.md. */
  readonly code: ErrorCode;

  /**
   * @param code a row of the catalogue
   * @param detail what happened here, as a sentence without secrets; the catalogue's meaning when absent
   * @param options `cause`: the failure below
   * @throws TypeError for a subclass
   */
  constructor(code: ErrorCode, detail?: string, options?: { cause?: unknown }) {
    super(detail ?? ERROR_CATALOGUE[code].meaning, options);
    if (new.target !== PulsesError) throw new TypeError('PulsesError has no subclasses: add a code to the catalogue');
    this.name = 'PulsesError';
    this.code = code;
  }

  /** True when the same request can succeed later without a change. */
  get retriable(): boolean {
    return ERROR_CATALOGUE[this.code].retriable;
  }
}

/** True when `error` is a PulsesError, of that code when one is given. */
export function isPulsesError(error: unknown, code?: ErrorCode): error is PulsesError {
  return error instanceof PulsesError && (code === undefined || error.code === code);
}
