// The sums of the window that is replayed, and its bounds.
//
// Bounds: a row of numbers for each key of the window.

import { addAmountAt, type Amount } from '@pulses/shared-pulse-model';
import type { SumFacts } from './line-writer';

const KEYS_MIN = 1024;

/** A window from its first message on. */
export interface OpenWindow {
  readonly windowMs: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly fromOffset: number;
}

export function openWindow(windowMs: number, fromOffset: number, firstTimestampMs: number): OpenWindow {
  const startMs = firstTimestampMs - (firstTimestampMs % windowMs);
  return { windowMs, startMs, endMs: startMs + windowMs, fromOffset };
}

/** A row fills a cache line: the limbs, then these. */
const ROW = 8;
const COUNT = 4;
const FIRST_SEEN = 5;
const LAST_SEEN = 6;
/** Number of the window that the row belongs to. */
const WINDOW = 7;

/** Sums by key id; reused for each window. */
export class WindowSums {
  /** Keys of the window. */
  count = 0;
  /** Keeps the loads of `load` from being optimised away. */
  loaded = 0;
  private rows = new Float64Array(ROW * KEYS_MIN);
  private windowNumber = 1;
  /** Keys of the window in order of first appearance; `count` of them. */
  private order = new Int32Array(KEYS_MIN);

  add(id: number, amount: Amount, timestampMs: number): void {
    if (ROW * id >= this.rows.length) this.growRows(id);
    const { rows } = this;
    const row = ROW * id;
    if (rows[row + WINDOW] !== this.windowNumber) this.startRow(id, timestampMs);
    addAmountAt(rows, row, amount, 0);
    rows[row + COUNT] = (rows[row + COUNT] as number) + 1;
    rows[row + LAST_SEEN] = timestampMs;
  }

  /** Prefetches the rows of keys; see Keys.load. */
  load(ids: Int32Array, count: number): void {
    const { rows } = this;
    let loaded = 0;
    for (let index = 0; index < count; index += 1) {
      const row = ROW * (ids[index] as number);
      if (row < rows.length) loaded += rows[row] as number;
    }
    this.loaded = loaded;
  }

  /** The id of the n-th key of the window. */
  idAt(index: number): number {
    return this.order[index] as number;
  }

  sumOf(id: number): SumFacts {
    const row = ROW * id;
    return {
      limbs: this.rows,
      limbIndex: row,
      pulseCount: this.rows[row + COUNT] as number,
      firstSeenMs: this.rows[row + FIRST_SEEN] as number,
      lastSeenMs: this.rows[row + LAST_SEEN] as number,
    };
  }

  clear(): void {
    this.count = 0;
    this.windowNumber += 1;
  }

  private startRow(id: number, timestampMs: number): void {
    const row = ROW * id;
    this.rows.fill(0, row, row + ROW);
    this.rows[row + FIRST_SEEN] = timestampMs;
    this.rows[row + WINDOW] = this.windowNumber;
    if (this.count === this.order.length) {
      const order = new Int32Array(this.count * 2);
      order.set(this.order);
      this.order = order;
    }
    this.order[this.count] = id;
    this.count += 1;
  }

  private growRows(id: number): void {
    const rows = new Float64Array(Math.max(ROW * (id + 1), this.rows.length * 2));
    rows.set(this.rows);
    this.rows = rows;
  }
}
