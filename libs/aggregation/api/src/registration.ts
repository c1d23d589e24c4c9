// The interface between an engine and the registry of engines.

import type { AggregationEngine } from './engine';

/** Whether the engine can add sums. */
export type EngineReadiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

export interface EngineParts {
  readonly engine: AggregationEngine;
  readiness(): EngineReadiness;
}
