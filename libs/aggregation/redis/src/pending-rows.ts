// Rows that were not sent to Redis yet, one sum per key, and their division into chunks.
//
// A row has 64 bytes, as add.lua reads it: id (i32), 0 (i32), then as doubles AMOUNT_LIMBS limbs, count, first and last
// seen (ms). All are little-endian, like every supported machine.

import type { KeyList, WindowDelta } from '@pulses/aggregation-api';
import { addAmountAt, AMOUNT_LIMBS } from '@pulses/shared-pulse-model';
import { bucketOf } from './key-names';

export const ROW_BYTES = 64;
const ROW_DOUBLES = ROW_BYTES / 8;
const ROW_INTS = ROW_BYTES / 4;
const LIMBS_AT = 1;
const COUNT_AT = LIMBS_AT + AMOUNT_LIMBS;
const FIRST_AT = COUNT_AT + 1;
const LAST_AT = FIRST_AT + 1;
const ROWS_AT_FIRST = 1024;
const NO_ROW = -1;

/** The rows of one call of the script. */
export interface Chunk {
  readonly bucket: number;
  readonly rows: Buffer;
  /** Keys that are new in this chunk, and their bytes in order of ids. */
  readonly newKeys: number;
  readonly newKeyBytes: Buffer;
}

/** @see takeChunks */
export class PendingRows {
  /** Source offsets that the rows cover. */
  fromOffset: number;
  nextOffset: number;
  length = 0;
  /** Keys in the deltas of the window so far, pending or not. */
  keyCount: number;
  private doubles = new Float64Array(ROWS_AT_FIRST * ROW_DOUBLES);
  private ints = new Int32Array(this.doubles.buffer);
  /** Row of each key id. */
  private rowOf = new Int32Array(ROWS_AT_FIRST).fill(NO_ROW);

  constructor(fromOffset: number, keyCount: number) {
    this.fromOffset = fromOffset;
    this.nextOffset = fromOffset;
    this.keyCount = keyCount;
  }

  /** Whether no offset is pending. */
  get isEmpty(): boolean {
    return this.nextOffset === this.fromOffset;
  }

  /** Adds a delta that starts where the last one ended. */
  add(delta: WindowDelta): void {
    const { length, ids, limbs, counts, firstSeenMs, lastSeenMs } = delta;
    this.reserve(this.length + length);
    for (let row = 0; row < length; row += 1) {
      const at = this.rowAt(ids[row] as number, firstSeenMs[row] as number) * ROW_DOUBLES;
      const doubles = this.doubles;
      addAmountAt(doubles, at + LIMBS_AT, limbs, row * AMOUNT_LIMBS);
      doubles[at + COUNT_AT] = (doubles[at + COUNT_AT] as number) + (counts[row] as number);
      // Log time never decreases, so the last delta of a key has its last time.
      doubles[at + LAST_AT] = lastSeenMs[row] as number;
    }
    this.nextOffset = delta.nextOffset;
  }

  /** The row of a key, created when missing. */
  private rowAt(id: number, firstSeenMs: number): number {
    if (id >= this.rowOf.length) {
      const grown = new Int32Array(Math.max(id + 1, this.rowOf.length * 2)).fill(NO_ROW);
      grown.set(this.rowOf);
      this.rowOf = grown;
    }
    const row = this.rowOf[id] as number;
    if (row !== NO_ROW) return row;
    const made = this.length;
    this.length = made + 1;
    this.rowOf[id] = made;
    if (id >= this.keyCount) this.keyCount = id + 1;
    this.doubles.fill(0, made * ROW_DOUBLES, (made + 1) * ROW_DOUBLES);
    this.ints[made * ROW_INTS] = id;
    this.doubles[made * ROW_DOUBLES + FIRST_AT] = firstSeenMs;
    return made;
  }

  private reserve(rowCount: number): void {
    if (rowCount * ROW_DOUBLES <= this.doubles.length) return;
    const grown = new Float64Array(Math.max(rowCount * ROW_DOUBLES, this.doubles.length * 2));
    grown.set(this.doubles);
    this.doubles = grown;
    this.ints = new Int32Array(grown.buffer);
  }

  /**
   * Takes all rows as chunks of one bucket and at most `rowsMax` rows each. Buckets are in order, and new keys within
   * them. Returns at least one chunk, so that offsets without rows advance too. Ids from `firstNewId` on are new.
   */
  takeChunks(keys: KeyList, firstNewId: number, rowsMax: number): Chunk[] {
    const sorted = this.rowsByBucket();
    const chunks: Chunk[] = [];
    for (const [bucket, { bytes, ids }] of sorted)
      for (let from = 0; from < ids.length; from += rowsMax) {
        const to = Math.min(ids.length, from + rowsMax);
        const newKeys = ids.slice(from, to).filter((id) => id >= firstNewId);
        chunks.push({
          bucket,
          rows: bytes.subarray(from * ROW_BYTES, to * ROW_BYTES),
          newKeys: newKeys.length,
          newKeyBytes: Buffer.concat(newKeys.map((id) => keys.bytesOf(id))),
        });
      }
    if (chunks.length === 0)
      chunks.push({ bucket: 0, rows: Buffer.alloc(0), newKeys: 0, newKeyBytes: Buffer.alloc(0) });
    for (const { ids } of sorted.values()) for (const id of ids) this.rowOf[id] = NO_ROW;
    this.length = 0;
    this.fromOffset = this.nextOffset;
    return chunks;
  }

  /** A copy of the rows, grouped by bucket, in order of their keys' arrival: new keys in order of ids. */
  private rowsByBucket(): Map<number, { bytes: Buffer; ids: number[] }> {
    const bytes = Buffer.from(this.doubles.buffer, 0, this.length * ROW_BYTES);
    const rowsOf = new Map<number, number[]>();
    for (let row = 0; row < this.length; row += 1) {
      const bucket = bucketOf(this.ints[row * ROW_INTS] as number);
      const rows = rowsOf.get(bucket);
      if (rows === undefined) rowsOf.set(bucket, [row]);
      else rows.push(row);
    }
    return new Map(
      [...rowsOf]
        .sort(([left], [right]) => left - right)
        .map(([bucket, rows]) => {
          const copy = Buffer.allocUnsafe(rows.length * ROW_BYTES);
          rows.forEach((row, place) => bytes.copy(copy, place * ROW_BYTES, row * ROW_BYTES, (row + 1) * ROW_BYTES));
          return [bucket, { bytes: copy, ids: rows.map((row) => this.ints[row * ROW_INTS] as number) }] as const;
        }),
    );
  }
}
