// Sums what was read since the last delta: one row for each key.
//
// Guarantees: adding a pulse allocates nothing. Bounds: `rowsMax` rows; the caller hands a full delta to the engine.

import { createKeyTable, type KeyTable, type WindowDelta } from '@pulses/aggregation-api';
import { addAmountAt, AMOUNT_LIMBS } from '@pulses/shared-pulse-model';

const NO_ROW = -1;

/** @see DeltaAccumulator.add */
export class DeltaAccumulator implements WindowDelta {
  windowStartMs = 0;
  fromOffset = 0;
  nextOffset = 0;
  length = 0;
  keys: KeyTable = createKeyTable({ keysMax: 1 });
  readonly ids: Int32Array;
  readonly limbs: Float64Array;
  readonly counts: Float64Array;
  readonly firstSeenMs: Float64Array;
  readonly lastSeenMs: Float64Array;
  /** Row of each key id. */
  private rows = new Int32Array(1024).fill(NO_ROW);

  constructor(private readonly rowsMax: number) {
    this.ids = new Int32Array(rowsMax);
    this.limbs = new Float64Array(rowsMax * AMOUNT_LIMBS);
    this.counts = new Float64Array(rowsMax);
    this.firstSeenMs = new Float64Array(rowsMax);
    this.lastSeenMs = new Float64Array(rowsMax);
  }

  /** True: no room for another key; `clear` first. */
  get isFull(): boolean {
    return this.length === this.rowsMax;
  }

  /** Starts a window. The delta must be empty. */
  startWindow(windowStartMs: number, keys: KeyTable, fromOffset: number): void {
    this.windowStartMs = windowStartMs;
    this.keys = keys;
    this.fromOffset = fromOffset;
    this.nextOffset = fromOffset;
  }

  /** Adds one pulse of key `id`. */
  add(id: number, amount: Float64Array, timestampMs: number): void {
    if (id >= this.rows.length) this.growRows(id);
    let row = this.rows[id] as number;
    if (row === NO_ROW) {
      row = this.length;
      this.length = row + 1;
      this.rows[id] = row;
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
    for (let row = 0; row < this.length; row += 1) this.rows[this.ids[row] as number] = NO_ROW;
    this.length = 0;
    this.fromOffset = this.nextOffset;
  }

  private growRows(id: number): void {
    const grown = new Int32Array(Math.max(id + 1, this.rows.length * 2)).fill(NO_ROW);
    grown.set(this.rows);
    this.rows = grown;
  }
}
