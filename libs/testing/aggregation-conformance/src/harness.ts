// What the engine suite needs of a system under test.

import type { AggregationEngine } from '@pulses/aggregation-api';

export interface EngineHarness {
  /**
   * An engine as another process would have it: its own connections and memory, over the one store of this harness where
   * there is a store. The harness closes it at the end.
   */
  createEngine(): AggregationEngine;
  /** Ends every engine and the store. */
  close(): Promise<void>;
}
