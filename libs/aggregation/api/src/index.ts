export type {
  AggregationEngine,
  EngineSource,
  EngineState,
  EngineSupports,
  WindowDelta,
  WindowSums,
} from './engine';
export type { KeyTable } from './key-table';
export { windowEndOf, windowStartOf } from './window';
