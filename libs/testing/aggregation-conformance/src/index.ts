export { describeAggregationEngine } from './describe-engine';
export type { EngineHarness } from './harness';
export { createEngineStore, createReferenceEngine, type EngineStore } from './reference-engine';
