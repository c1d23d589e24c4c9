// What the journal still holds of the frames of a run.

import type { Run } from '@pulses/broker-segment-log';
import type { WalkedFrame } from './journal-walk';

/** Messages of one row of a frame. */
export interface HeldPiece {
  readonly lsn: number;
  readonly count: number;
  readonly timestampMs: number;
  /** 0 when its bytes are lost. */
  readonly length: number;
  readonly path: string;
  readonly position: number;
}

/** By topic id, in order; undefined unless all frames of the run are there. @param frames in order */
export function heldPieces(
  frames: readonly WalkedFrame[],
  { firstLsn, lastLsn }: Pick<Run, 'firstLsn' | 'lastLsn'>,
): Map<number, HeldPiece[]> | undefined {
  const from = firstAt(frames, firstLsn);
  const to = firstAt(frames, lastLsn + 1);
  if (to - from !== lastLsn - firstLsn + 1) return undefined;
  const held = new Map<number, HeldPiece[]>();
  for (let index = from; index < to; index += 1) {
    const { lsn, rows, columns, path, payloadAt, timestampMs, finding } = frames[index]!; // in range
    let position = payloadAt;
    for (let row = 0; row < rows; row += 1) {
      const topicId = columns[row]!; // three columns
      const length = columns[2 * rows + row]!;
      const soundLength = finding === undefined ? length : 0;
      const piece = { lsn, count: columns[rows + row]!, timestampMs, length: soundLength, path, position };
      const known = held.get(topicId);
      if (known === undefined) held.set(topicId, [piece]);
      else known.push(piece);
      position += length;
    }
  }
  return held;
}

/** Number of the first frame with this LSN or a later one. */
function firstAt(frames: readonly WalkedFrame[], lsn: number): number {
  let low = 0;
  let high = frames.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (frames[middle]!.lsn < lsn)
      low = middle + 1; // middle < high <= length
    else high = middle;
  }
  return low;
}
