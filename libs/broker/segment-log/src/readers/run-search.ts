// Finds blocks and pieces of a run.

import { hasPieceCrcs, type RunEntry } from '../segments/run-format';

/** Pieces of one topic, in order. */
export interface PieceList {
  readonly baseOffsets: Float64Array;
  readonly places: Float64Array;
  readonly bytes: Uint8Array;
}

/** Number of the last value that is at most this one, 0 when there is none: the values rise. */
export function lastUpTo(values: Uint32Array | Float64Array, value: number): number {
  let low = 0;
  for (let high = values.length; high - low > 1;) {
    const middle = (low + high) >>> 1;
    if (values[middle]! <= value)
      low = middle; // middle < high
    else high = middle;
  }
  return low;
}

/** Pieces to read: those that fit from `first` on, or all that have one CRC. */
export function rangeOf(
  entry: RunEntry,
  { places }: PieceList,
  first: number,
  bytesMax: number,
): { from: number; end: number } {
  if (!hasPieceCrcs(entry.length)) return { from: 0, end: entry.pieces };
  let end = first + 1;
  while (end < entry.pieces && places[end + 1]! - places[first]! <= bytesMax) end += 1; // below the count
  return { from: first, end };
}
