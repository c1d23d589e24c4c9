// What an engine offers to the registry of engines.

import type { AggregationEngine } from './engine';

/** Whether the engine can take sums. */
export type EngineReadiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

export interface EngineParts {
  readonly engine: AggregationEngine;
  readiness(): EngineReadiness;
}
