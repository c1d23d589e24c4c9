// Where the sums of open windows live. The engine owns them; the pipeline decides what is emitted and when.
//
// Call order for one source: `open`, then any number of `add` for the open window in offset order, `seal` once the log
// has provably passed its end, then `add` for the next window may begin while `sums` reads the sealed one in slices,
// and `drop` after its sums are durably stored. Calls never overlap, except that `sums` and `drop` of a sealed window
// may run between `add`s of the next. The sums are a pure function of the log: whatever an engine loses is rebuilt from it.
//
// What a rejection asks of the pipeline: reopen the session, and with it the engine, then start again from the stored
// positions or from what `open` reports. OVERLOADED/CONNECTION_LOST are retriable; the engine never drops an add silently.

import type { KeyTable } from './key-table';

/** What an engine can do; the conformance suite skips a scenario only through this manifest. */
export interface EngineSupports {
  /** Sums outlive the ingestor's process, so that `open` can report them. */
  readonly survivesRestart: boolean;
}

/** Whose sums these are. Two sources, incarnations, groups or window lengths never meet. */
export interface EngineSource {
  readonly topic: string;
  readonly incarnation: string;
  readonly group: string;
  readonly windowMs: number;
}

/** The open window as an engine that survived has it. */
export interface EngineState {
  readonly windowStartMs: number;
  /** First source offset that the window read. */
  readonly fromOffset: number;
  /** Everything below this source offset, and nothing above, is in the sums. */
  readonly nextOffset: number;
  /** The window's keys, ids in order of first appearance. */
  readonly keys: KeyTable;
}

/**
 * What a run of source messages `[fromOffset, nextOffset)` adds to one window, summed by key. Columns hold `length` rows;
 * row `i` is about key `ids[i]` of `keys`.
 */
export interface WindowDelta {
  readonly windowStartMs: number;
  readonly fromOffset: number;
  readonly nextOffset: number;
  readonly keys: KeyTable;
  readonly length: number;
  readonly ids: Int32Array;
  /** AMOUNT_LIMBS a row. */
  readonly limbs: Float64Array;
  readonly counts: Float64Array;
  readonly firstSeenMs: Float64Array;
  readonly lastSeenMs: Float64Array;
}

/** Sums of the keys `[fromId, toId)`; row `i` is about key `fromId + i`. */
export interface WindowSums {
  readonly fromId: number;
  readonly toId: number;
  readonly limbs: Float64Array;
  readonly counts: Float64Array;
  readonly firstSeenMs: Float64Array;
  readonly lastSeenMs: Float64Array;
}

export interface AggregationEngine {
  readonly name: string;
  readonly supports: EngineSupports;
  /** Starts on a source. Resolves to the open window when the engine still has it whole, else clears and resolves to undefined. */
  open(source: EngineSource): Promise<EngineState | undefined>;
  /**
   * Adds a delta. The engine takes what it needs before it returns, so the columns may be reused at once; the promise, if
   * there is one, resolves when the next delta may come. A delta whose `nextOffset` was already applied changes nothing.
   */
  add(delta: WindowDelta): Promise<void> | void;
  /** Ends the window: waits for every add and freezes it. Resolves to the number of its keys. */
  seal(windowStartMs: number): Promise<number>;
  /** Reads a slice of a sealed window, or of the open one (then as far as it is applied). */
  sums(windowStartMs: number, fromId: number, toId: number): Promise<WindowSums>;
  /** Forgets a sealed window. */
  drop(windowStartMs: number): Promise<void>;
  close(): Promise<void>;
}
