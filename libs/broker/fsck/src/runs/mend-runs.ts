// Says in which run the messages belong that no run has, and what of them the journal still holds.
//
// Guarantees: what is taken from the journal lies exactly in the gap. Where several runs of a kind are damaged, one after the
// other, the journal tells how much of a topic was in those that it still has; the rest is put into the last of the others.

import type { Run } from '@pulses/broker-segment-log';
import type { Gap } from './coverage';
import { heldPieces, type HeldPiece } from '../journal/held-pieces';
import type { WalkedFrame } from '../journal/journal-walk';
import { missingOf, type OffsetRange } from '../report';

/** Messages of the journal that a run should have. */
export interface FilledPiece extends OffsetRange {
  readonly timestampMs: number;
  readonly length: number;
  readonly path: string;
  readonly position: number;
}

/** What a run gets for a gap of a topic. */
export interface Fill extends OffsetRange {
  readonly topicId: number;
  /** Number of the run; -1 when there is none: what is not sealed gets it. */
  readonly run: number;
  readonly pieces: readonly FilledPiece[];
  /** What the journal has not. */
  readonly lost: readonly OffsetRange[];
  readonly timestampMs: number;
}

export class RunMender {
  readonly #runs: readonly Run[];
  readonly #isDamaged: (run: number) => boolean;
  readonly #frames: readonly WalkedFrame[];
  /** By number of a run: what its frames hold, by topic; undefined when not all of them are there. */
  readonly #held = new Map<number, Map<number, HeldPiece[]> | undefined>();

  /** @param frames those that the journal still has, in order */
  constructor(runs: readonly Run[], isDamaged: (run: number) => boolean, frames: readonly WalkedFrame[]) {
    this.#runs = runs;
    this.#isDamaged = isDamaged;
    this.#frames = frames;
  }

  fillsOf(gap: Gap): Fill[] {
    const { topicId, fromOffset, toOffset, timestampMs } = gap;
    return this.#shares(gap).map(({ run, from, to, base }) => {
      const pieces: FilledPiece[] = [];
      let offset = base;
      for (const piece of this.#heldBy(run)?.get(topicId) ?? []) {
        const placed = { ...piece, fromOffset: offset, toOffset: offset + piece.count };
        offset += piece.count;
        if (
          placed.fromOffset >= Math.max(from, fromOffset) &&
          placed.toOffset <= Math.min(to, toOffset) &&
          piece.length > 0
        )
          pieces.push(placed);
      }
      const range = { fromOffset: from, toOffset: to };
      return { topicId, run, ...range, pieces, lost: missingOf(range, pieces), timestampMs };
    });
  }

  #shares(gap: Gap): { run: number; from: number; to: number; base: number }[] {
    const { topicId, fromOffset: from, toOffset: to, after, before, entryBase } = gap;
    if (entryBase !== undefined) return [{ run: after + 1, from, to, base: entryBase }];
    const kind = this.#runs[after]?.kind ?? this.#runs[before]?.kind;
    const candidates: number[] = [];
    for (let run = after + 1; run < before; run += 1) {
      if (this.#isDamaged(run) && (kind ?? this.#runs[run]?.kind) === this.#runs[run]?.kind) candidates.push(run);
    }
    if (candidates.length === 0) return [{ run: before < this.#runs.length ? before : after, from, to, base: from }];
    const counts = candidates.map((run) => this.#countIn(run, topicId));
    const known = counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
    let last = counts.lastIndexOf(undefined);
    if (last === -1) last = counts.length - 1;
    counts[last] = (counts[last] ?? 0) + to - from - known;
    if (counts.some((count) => (count ?? 0) < 0)) return [{ run: candidates[last]!, from, to, base: from }]; // below the length
    let offset = from;
    const shares: { run: number; from: number; to: number; base: number }[] = [];
    for (const [index, run] of candidates.entries()) {
      const count = counts[index] ?? 0;
      if (count > 0) shares.push({ run, from: offset, to: offset + count, base: offset });
      offset += count;
    }
    return shares;
  }

  #countIn(run: number, topicId: number): number | undefined {
    const held = this.#heldBy(run);
    if (held === undefined) return undefined;
    return (held.get(topicId) ?? []).reduce((sum, { count }) => sum + count, 0);
  }

  #heldBy(run: number): Map<number, HeldPiece[]> | undefined {
    const key = this.#runs[run];
    if (!this.#held.has(run)) this.#held.set(run, key && heldPieces(this.#frames, key));
    return this.#held.get(run);
  }
}
