import { describeAggregationEngine } from '@pulses/testing-aggregation-conformance';
import { createMemoryEngine } from './memory-engine';

describeAggregationEngine('memory', async () => ({ createEngine: createMemoryEngine, close: async () => undefined }), {
  survivesRestart: false,
});
