// The key of a pulse: its tenant.

import { createPulseReader } from '@pulses/shared-pulse-model';
import type { KeyOf } from './publishing';

/** Keys pulses by tenant; a message that is no pulse has no key. The answer is valid until the next call. */
export function tenantKeyOf(): KeyOf {
  const reader = createPulseReader();
  return (bytes, start, end) =>
    reader.read(bytes, start, end) ? reader.text.subarray(reader.tenantStart, reader.tenantEnd) : undefined;
}
