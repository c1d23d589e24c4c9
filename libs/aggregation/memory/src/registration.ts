// The memory engine as the registry knows it.

import type { EngineParts } from '@pulses/aggregation-api';
import { createMemoryEngine } from './memory-engine';

export const memoryEngine = {
  settings: {},
  create: (): Promise<EngineParts> =>
    Promise.resolve({ create: createMemoryEngine, readiness: () => ({ ready: true }) }),
};
