export type { AggregationEngine, EngineSource, EngineState, EngineSupports, WindowDelta, WindowSums } from './engine';
export { createKeyTable, type KeyList, type KeyTable, type KeyTableOptions } from './key-table';
export { windowStartOf } from './window';
export type { EngineParts, EngineReadiness } from './registration';
