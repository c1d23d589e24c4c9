// How long the windows were, over the offsets of the source.
//
// An ingestor that was started again with another --flush-interval cuts its windows otherwise from there on. The lines
// tell each window's length; everything else about a window follows from the source. So only the places where the length
// changes are kept, not the windows.
//
// Bounds: adjacent windows of one length become one stretch, so memory grows with the changes of length, and while
// sparse tenants are read, with at most `pendingMax` windows more at a time.

import type { WindowRange } from '../expected/line-writer';

const PENDING_MAX = 65_536;

/** Source offsets, both ends included, whose windows have one length. */
export interface Stretch {
  readonly windowMs: number;
  readonly fromOffset: number;
  toOffset: number;
}

export interface WindowLengths {
  add(window: WindowRange): void;
  /** In order of offsets. `overlap` is called for each two of different lengths that share an offset. */
  stretches(overlap: (one: Stretch, other: Stretch) => void): Stretch[];
}

/** @param pendingMax windows gathered before neighbours among them are looked for */
export function createWindowLengths(pendingMax = PENDING_MAX): WindowLengths {
  let merged: Stretch[] = [];
  let pending = new Map<string, Stretch>();
  let last: WindowRange | undefined;

  const compact = () => {
    merged = join([...merged, ...pending.values()], (before, after) => after.fromOffset <= before.toOffset + 1);
    pending = new Map();
  };

  return {
    add(window) {
      const { windowMs, fromOffset, toOffset } = window;
      if (last?.fromOffset === fromOffset && last.toOffset === toOffset && last.windowMs === windowMs) return;
      last = window;
      if (isWithin(merged, window)) return;
      pending.set(`${fromOffset} ${toOffset} ${windowMs}`, { windowMs, fromOffset, toOffset });
      if (pending.size >= pendingMax) compact();
    },
    stretches(overlap) {
      compact();
      // Between two windows of one length stand only messages that are no pulses: nobody told a length for them.
      const joined = join(merged, () => true);
      for (const [index, stretch] of joined.entries()) {
        const before = joined[index - 1];
        if (before !== undefined && stretch.fromOffset <= before.toOffset) overlap(before, stretch);
      }
      return joined;
    },
  };
}

/** Sorts, and joins neighbours of one length when `touch` says that they may be. */
function join(stretches: readonly Stretch[], touch: (before: Stretch, after: Stretch) => boolean): Stretch[] {
  const joined: Stretch[] = [];
  for (const stretch of [...stretches].sort((a, b) => a.fromOffset - b.fromOffset || a.windowMs - b.windowMs)) {
    const before = joined.at(-1);
    if (before?.windowMs === stretch.windowMs && touch(before, stretch))
      before.toOffset = Math.max(before.toOffset, stretch.toOffset);
    else joined.push({ ...stretch });
  }
  return joined;
}

/** True when a stretch of the same length covers the window. Stretches are sorted by offset. */
function isWithin(stretches: readonly Stretch[], { windowMs, fromOffset, toOffset }: WindowRange): boolean {
  let low = 0;
  let high = stretches.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((stretches[middle] as Stretch).fromOffset <= fromOffset) low = middle + 1;
    else high = middle;
  }
  const stretch = stretches[low - 1];
  return stretch !== undefined && stretch.windowMs === windowMs && toOffset <= stretch.toOffset;
}
