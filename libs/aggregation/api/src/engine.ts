// The interface of an aggregation engine, which owns the sums of open windows. The pipeline decides what is emitted when.
//
// Call order for one source:
// 1. `open`.
// 2. `add` for the open window, any number of times, in order of offsets.
// 3. `seal` once the log has provably passed the end of the window. Then `add` for the next window may begin.
// 4. `sums` reads the sealed window in slices, and `drop` follows when its sums are durably stored.
// Calls never overlap, except that `sums` and `drop` of a sealed window may run between `add`s of the next. The sums are
// a pure function of the log: the pipeline rebuilds from it whatever an engine loses.
//
// After a rejection the pipeline reopens session and engine and starts again from the stored positions, or from the
// window that `open` reports. CONNECTION_LOST, TIMED_OUT and OVERLOADED leave open whether the add was done.
// POSITION_CONFLICT means that it does not fit the adds before. FENCED means that another engine has opened the source over
// the same store: this one reads and changes nothing more. The engine never drops an add silently or adds a part.

import type { KeyList } from './key-table';

/** The capabilities of an engine. The conformance suite skips a scenario only through this manifest. */
export interface EngineSupports {
  /** Sums survive `close` and the ingestor's process, so that `open` can report them. */
  readonly survivesRestart: boolean;
}

/** The owner of sums. Different sources, incarnations, groups or window lengths share nothing. */
export interface EngineSource {
  readonly topic: string;
  readonly incarnation: string;
  readonly group: string;
  readonly windowMs: number;
}

/** A window that an engine reports after a restart. */
export interface EngineState {
  readonly windowStartMs: number;
  /** First source offset of the window. */
  readonly fromOffset: number;
  /** The sums cover exactly the source offsets below this one. */
  readonly nextOffset: number;
  /** The keys with sums, ids in order of first appearance. The pipeline copies what it needs. */
  readonly keys: KeyList;
}

/**
 * The contribution of source messages `[fromOffset, nextOffset)` to one window, summed by key. Columns hold `length` rows.
 * Row `i` belongs to key `ids[i]` of `keys`; each key has at most one row. Ids that are new to the window follow the
 * earlier ones without a gap; `keys` may already hold further keys. A delta without rows only advances `nextOffset`.
 */
export interface WindowDelta {
  readonly windowStartMs: number;
  readonly fromOffset: number;
  readonly nextOffset: number;
  readonly keys: KeyList;
  readonly length: number;
  readonly ids: Int32Array;
  /** AMOUNT_LIMBS numbers per row. */
  readonly limbs: Float64Array;
  readonly counts: Float64Array;
  readonly firstSeenMs: Float64Array;
  readonly lastSeenMs: Float64Array;
}

/** Sums of the keys `[fromId, toId)`; row `i` belongs to key `fromId + i`. */
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
   * Opens a source that is read from `fromOffset` on, the first offset of the oldest window whose sums are not all stored.
   * Resolves to the window that starts there, sealed or not, if the engine still has all of it. Otherwise resolves to
   * undefined. Forgets every other window of the source.
   */
  open(source: EngineSource, fromOffset: number): Promise<EngineState | undefined>;
  /**
   * Adds a delta. The engine copies what it needs before it returns, so the columns may be reused at once. A returned
   * promise resolves when the engine accepts the next delta. The first delta of a window may start anywhere. A later one
   * is added when its `fromOffset` is the end of the last one, and ignored when its `nextOffset` was already applied.
   *
   * @throws PulsesError POSITION_CONFLICT for any other delta (a gap, an overlap) and for a sealed window; nothing changes
   */
  add(delta: WindowDelta): Promise<void> | void;
  /**
   * For an engine that writes behind: throws the pending failure that the next call would throw. So it is noticed even
   * while nothing is added. @throws PulsesError
   */
  check?(): void;
  /**
   * Waits for every add and freezes the window. Resolves to the number of keys in its deltas, 0 without adds. Sealing
   * again changes nothing.
   */
  seal(windowStartMs: number): Promise<number>;
  /** Reads a slice of a sealed window, or the applied part of the open one. @throws TypeError for unknown keys */
  sums(windowStartMs: number, fromId: number, toId: number): Promise<WindowSums>;
  /** Forgets a window, if present, so that another one with this start can begin. */
  drop(windowStartMs: number): Promise<void>;
  /** For an engine that writes behind: resolves once every add is stored and visible to `sums`. */
  flushed?(): Promise<void>;
  /** Releases the engine's resources. Sums that survive a restart stay. */
  close(): Promise<void>;
}
