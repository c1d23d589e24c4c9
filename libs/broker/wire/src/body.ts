// The body of a frame: fields of `shared-binary` whose faults are protocol violations.

import { FieldReader } from '@pulses/shared-binary';
import { PulsesError } from '@pulses/shared-errors';

/** Its methods throw PulsesError PROTOCOL_VIOLATION when the body does not hold the field. */
export function createBodyReader(body: Uint8Array): FieldReader {
  return new FieldReader(body, 0, body.length, violation);
}

/** A PROTOCOL_VIOLATION with its reason. */
export function violation(reason: string): PulsesError {
  return new PulsesError('PROTOCOL_VIOLATION', `not a valid frame: ${reason}`);
}
