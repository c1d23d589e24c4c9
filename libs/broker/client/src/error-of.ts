// Error responses as PulsesErrors.

import type { Response } from '@pulses/broker-wire';
import { isErrorCode, PulsesError } from '@pulses/shared-errors';

/** The error that an `error` response carries. */
export function errorOf({ code, message }: Extract<Response, { readonly type: 'error' }>): PulsesError {
  return isErrorCode(code)
    ? new PulsesError(code, message)
    : new PulsesError('PROTOCOL_VIOLATION', `the broker answered with an unknown error code, ${code}: ${message}`);
}
