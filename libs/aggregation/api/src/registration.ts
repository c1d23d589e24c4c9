// The interface between an engine and the registry of engines.

import type { AggregationEngine } from './engine';

/** Whether the engines can add sums. */
export type EngineReadiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

export interface EngineParts {
  /** Makes an engine for one source, or one partition of it. Connects to nothing yet. */
  create(): AggregationEngine;
  /** Of all that were made and are not closed. */
  readiness(): EngineReadiness;
}
