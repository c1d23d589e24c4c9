// The randomness of the system.

import { randomBytes } from 'node:crypto';
import type { Random } from '@pulses/shared-ports';

export const nodeRandom: Random = {
  bytes: (count) => new Uint8Array(randomBytes(count)),
  fraction: () => Math.random(),
};
