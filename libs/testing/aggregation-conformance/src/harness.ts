// The interface between the engine suite and the system under test.

import type { AggregationEngine } from '@pulses/aggregation-api';

export interface EngineHarness {
  /**
   * Creates an engine like one in another process: with its own connections and memory, over the shared store of this
   * harness if it has one. The harness closes it at the end.
   */
  createEngine(): AggregationEngine;
  /** Ends every engine and the store. */
  close(): Promise<void>;
}
