import { describeAggregationEngine } from './describe-engine';
import { createEngineStore, createReferenceEngine } from './reference-engine';

describeAggregationEngine(
  'reference',
  async () => ({ createEngine: () => createReferenceEngine(), close: async () => undefined }),
  { survivesRestart: false },
);

describeAggregationEngine(
  'surviving reference',
  async () => {
    const store = createEngineStore();
    return { createEngine: () => createReferenceEngine(store), close: async () => undefined };
  },
  { survivesRestart: true },
);
