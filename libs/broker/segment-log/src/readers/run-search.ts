// Finds blocks and pieces of a run.

import { hasPieceCrcs, type RunEntry } from '../segments/run-format';

/** Pieces of one topic, in order. */
export interface PieceList {
  readonly baseOffsets: Float64Array;
  readonly places: Float64Array;
  readonly bytes: Uint8Array;
}

/** The block that a topic's entry lies in, if it has one. */
export function blockWith(index: Uint32Array, topicId: number): number {
  let block = 0;
  for (let high = index.length; high - block > 1;) {
    const middle = (block + high) >>> 1;
    if (index[middle]! <= topicId)
      block = middle; // middle < high
    else high = middle;
  }
  return block;
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

/** Number of the piece with the offset: the last one that starts at or before it. */
export function firstAt(baseOffsets: Float64Array, offset: number): number {
  let low = 0;
  let high = baseOffsets.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (baseOffsets[middle]! <= offset)
      low = middle; // middle < high < length
    else high = middle;
  }
  return low;
}
