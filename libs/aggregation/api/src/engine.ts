// Where the sums of open windows live. The engine owns them; the pipeline decides what is emitted and when.
//
// Call order for one source: `open`, then any number of `add` for the open window in offset order, `seal` once the log
// has provably passed its end, then `add` for the next window may begin while `sums` reads the sealed one in slices,
// and `drop` after its sums are durably stored. Calls never overlap, except that `sums` and `drop` of a sealed window
// may run between `add`s of the next. The sums are a pure function of the log: whatever an engine loses is rebuilt from it.
//
// What a rejection asks of the pipeline: reopen the session, and with it the engine, then start again from the stored
// positions or from what `open` reports. CONNECTION_LOST, TIMED_OUT and OVERLOADED say that the add may or may not have
// been done, POSITION_CONFLICT that it does not fit what was added before; the engine never drops an add silently, and
// never adds a part of one.

import type { KeyTable } from './key-table';

/** What an engine can do; the conformance suite skips a scenario only through this manifest. */
export interface EngineSupports {
  /** Sums outlive the ingestor's process and `close`, so that `open` can report them. */
  readonly survivesRestart: boolean;
}

/** Whose sums these are. Two sources, incarnations, groups or window lengths never meet. */
export interface EngineSource {
  readonly topic: string;
  readonly incarnation: string;
  readonly group: string;
  readonly windowMs: number;
}

/** A window as an engine that survived has it. */
export interface EngineState {
  readonly windowStartMs: number;
  /** First source offset that the window read. */
  readonly fromOffset: number;
  /** Everything below this source offset, and nothing above, is in the sums. */
  readonly nextOffset: number;
  /** The keys that have sums, ids in order of first appearance. The pipeline copies what it needs. */
  readonly keys: KeyTable;
}

/**
 * What a run of source messages `[fromOffset, nextOffset)` adds to one window, summed by key. Columns hold `length` rows;
 * row `i` is about key `ids[i]` of `keys`, each key in one row at most. An id that no delta of the window has named yet
 * follows on the ids named so far; `keys` may know further keys already. A delta
 * of no rows only moves the window's `nextOffset`.
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
  /**
   * Starts on a source, which will be read from `fromOffset` on: the first offset of the oldest window whose sums are not
   * all stored. Resolves to the window that starts there, sealed or not, when the engine still has it whole, and forgets
   * every other window of the source; else forgets them all and resolves to undefined.
   */
  open(source: EngineSource, fromOffset: number): Promise<EngineState | undefined>;
  /**
   * Adds a delta. The engine takes what it needs before it returns, so the columns may be reused at once; the promise, if
   * there is one, resolves when the next delta may come. The first delta of a window may start anywhere. A later one
   * whose `nextOffset` was already applied changes nothing; one whose `fromOffset` is where the last one ended is added.
   *
   * @throws PulsesError POSITION_CONFLICT for any other one (a gap, a part that is added already) and when the window is
   * sealed; nothing is changed
   */
  add(delta: WindowDelta): Promise<void> | void;
  /**
   * For an engine whose `add` answers before it is done: throws what the next call would, so that a failure is heard of
   * while nothing is added. @throws PulsesError
   */
  check?(): void;
  /**
   * Ends the window: waits for every add and freezes it. Resolves to the number of its keys, those that a delta named: 0
   * for a window without adds. Sealing again changes nothing.
   */
  seal(windowStartMs: number): Promise<number>;
  /** Reads a slice of a sealed window, or of the open one (then as far as it is applied). @throws TypeError outside of it */
  sums(windowStartMs: number, fromId: number, toId: number): Promise<WindowSums>;
  /** Forgets a window, so that one of the same start (and another length) can begin anew; nothing when there is none. */
  drop(windowStartMs: number): Promise<void>;
  /** For an engine that writes behind: resolves once every add is stored, so that `sums` of the open window has them all. */
  flushed?(): Promise<void>;
  /** Ends the engine's use; what survives a restart stays. */
  close(): Promise<void>;
}
