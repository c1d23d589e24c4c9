// Sums what was read since the last delta: one row for each key.
//
// Guarantees: adding a pulse allocates nothing. Bounds: the columns' length; the caller hands a full delta to the engine.

import type { KeyList, WindowDelta } from '@pulses/aggregation-api';
import { addAmountAt, AMOUNT_LIMBS } from '@pulses/shared-pulse-model';

/** Where the rows lie. A kernel may add here, too. */
export interface DeltaMemory {
  readonly ids: Int32Array;
  /** AMOUNT_LIMBS numbers a row. */
  readonly limbs: Float64Array;
  readonly counts: Float64Array;
  readonly firstSeenMs: Float64Array;
  readonly lastSeenMs: Float64Array;
  /** By key id: row + 1, or 0. */
  readonly rowOf: Int32Array;
  /** `[0]` is the number of rows. */
  readonly counters: Int32Array;
}

const NO_KEYS: KeyList = {
  size: 0,
  bytesOf() {
    throw new TypeError('no window has started');
  },
};

/** @see DeltaAccumulator.add */
export class DeltaAccumulator implements WindowDelta {
  windowStartMs = 0;
  fromOffset = 0;
  nextOffset = 0;
  keys: KeyList = NO_KEYS;
  readonly ids: Int32Array;
  readonly limbs: Float64Array;
  readonly counts: Float64Array;
  readonly firstSeenMs: Float64Array;
  readonly lastSeenMs: Float64Array;
  readonly #rowOf: Int32Array;
  readonly #counters: Int32Array;

  constructor({ ids, limbs, counts, firstSeenMs, lastSeenMs, rowOf, counters }: DeltaMemory) {
    this.ids = ids;
    this.limbs = limbs;
    this.counts = counts;
    this.firstSeenMs = firstSeenMs;
    this.lastSeenMs = lastSeenMs;
    this.#rowOf = rowOf;
    this.#counters = counters;
  }

  /** Number of rows. */
  get length(): number {
    return this.#counters[0] as number;
  }

  /** True: no room for another key; `clear` first. */
  get isFull(): boolean {
    return this.length === this.ids.length;
  }

  /** Starts a window. The delta must be empty. */
  startWindow(windowStartMs: number, keys: KeyList, fromOffset: number): void {
    this.windowStartMs = windowStartMs;
    this.keys = keys;
    this.fromOffset = fromOffset;
    this.nextOffset = fromOffset;
  }

  /** Adds one pulse of key `id`. */
  add(id: number, amount: Float64Array, timestampMs: number): void {
    let row = (this.#rowOf[id] as number) - 1;
    if (row < 0) {
      row = this.length;
      this.#counters[0] = row + 1;
      this.#rowOf[id] = row + 1;
      this.ids[row] = id;
      this.limbs.fill(0, row * AMOUNT_LIMBS, (row + 1) * AMOUNT_LIMBS);
      this.counts[row] = 0;
      this.firstSeenMs[row] = timestampMs;
    }
    addAmountAt(this.limbs, row * AMOUNT_LIMBS, amount, 0);
    this.counts[row] = (this.counts[row] as number) + 1;
    this.lastSeenMs[row] = timestampMs;
  }

  /** Removes the rows, once the engine has taken them. */
  clear(): void {
    const { length } = this;
    for (let row = 0; row < length; row += 1) this.#rowOf[this.ids[row] as number] = 0;
    this.#counters[0] = 0;
    this.fromOffset = this.nextOffset;
  }
}

/** Rows in memory of their own, for windows of up to `keysMax` keys. */
export function createDeltaMemory(rowsMax: number, keysMax: number): DeltaMemory {
  return {
    ids: new Int32Array(rowsMax),
    limbs: new Float64Array(rowsMax * AMOUNT_LIMBS),
    counts: new Float64Array(rowsMax),
    firstSeenMs: new Float64Array(rowsMax),
    lastSeenMs: new Float64Array(rowsMax),
    rowOf: new Int32Array(keysMax),
    counters: new Int32Array(1),
  };
}
