// How long the windows were, over the offsets of the source.
//
// An ingestor restarted with another --flush-interval makes windows of another length from there on. The lines state each
// window's length; everything else about a window follows from the source. So this keeps only where the length changes.
//
// Bounds: adjacent windows of one length become one stretch, so memory grows with the changes of length. While sparse
// tenants are read, at most `pendingMax` more windows wait.

import type { WindowRange } from '../expected/line-writer';

const PENDING_MAX = 65_536;

/** Source offsets, both ends included, whose windows have one length. */
export interface Stretch {
  readonly windowMs: number;
  readonly fromOffset: number;
  toOffset: number;
}

export class WindowLengths {
  readonly #pendingMax: number;
  #merged: Stretch[] = [];
  #pending = new Map<string, Stretch>();
  #last: WindowRange | undefined;

  /** @param pendingMax windows gathered before neighbours among them are joined */
  constructor(pendingMax = PENDING_MAX) {
    this.#pendingMax = pendingMax;
  }

  add(window: WindowRange): void {
    const { windowMs, fromOffset, toOffset } = window;
    const last = this.#last;
    if (last?.fromOffset === fromOffset && last.toOffset === toOffset && last.windowMs === windowMs) return;
    this.#last = window;
    if (isWithin(this.#merged, window)) return;
    this.#pending.set(`${fromOffset} ${toOffset} ${windowMs}`, { windowMs, fromOffset, toOffset });
    if (this.#pending.size >= this.#pendingMax) this.#compact();
  }

  /** In order of offsets. Calls `overlap` for each two of different lengths that share an offset. */
  stretches(overlap: (one: Stretch, other: Stretch) => void): Stretch[] {
    this.#compact();
    // Between two windows of one length stand only messages that are no pulses, which have no window.
    const joined = join(this.#merged, () => true);
    for (const [index, stretch] of joined.entries()) {
      const before = joined[index - 1];
      if (before !== undefined && stretch.fromOffset <= before.toOffset) overlap(before, stretch);
    }
    return joined;
  }

  #compact(): void {
    const stretches = [...this.#merged, ...this.#pending.values()];
    this.#merged = join(stretches, (before, after) => after.fromOffset <= before.toOffset + 1);
    this.#pending = new Map();
  }
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
