// The log's clock: a running maximum of LogAppendTime, so that it never runs backwards when leadership moves.
//
// The time of a message depends on the messages before it, and a session starts to read where an earlier one has stored its
// position. So that a message gets the same time again, the position carries what its first messages need: the maximum at
// the offset where reading stood, and the stretches that were late, where the maximum was above the log's own time. Anywhere
// else a message's own time is the maximum.
//
// Guarantees: a session that starts at any offset from the stored position on gives every message the same time as the
// session before. Pure. Bounds: `LATE_MAX` late stretches; beyond that the oldest is forgotten that no start can be in.

/** What is in `[from, to)` was stored with earlier times than `clockMs`, and got that one. */
export interface LateStretch {
  readonly from: number;
  readonly to: number;
  readonly clockMs: number;
}

/** What is stored with a position. */
export interface ClockState {
  /** After the last message that was read, and the maximum of all times below. */
  readonly offset: number;
  readonly clockMs: number;
  /** Those that reach beyond the position, by offset. */
  readonly late: readonly LateStretch[];
}

/** Of a log of which nothing was read. */
export const NO_CLOCK: ClockState = { offset: 0, clockMs: 0, late: [] };

const LATE_MAX = 32;

export class SourceClock {
  #late: LateStretch[];
  #clockMs: number;
  #offset: number;

  /** @param startOffset where reading starts; not below the stored position */
  constructor(stored: ClockState | undefined, startOffset: number) {
    this.#late = stored?.late.filter(({ to }) => to > startOffset) ?? [];
    this.#clockMs = stored === undefined ? 0 : clockAt(stored, startOffset);
    this.#offset = startOffset;
    // What this session reads again, it finds again.
    this.#late = this.#late
      .filter(({ from }) => from < startOffset)
      .map((stretch) => ({ ...stretch, to: startOffset }));
  }

  /** The largest time of all messages so far. */
  get clockMs(): number {
    return this.#clockMs;
  }

  /** The time of the next messages, up to `to`, which the log has stored at `storedMs`. In order of offsets. */
  observe(to: number, storedMs: number): number {
    // A start in the gap before these messages needs the maximum as well.
    const from = this.#offset;
    this.#offset = to;
    if (storedMs >= this.#clockMs) {
      this.#clockMs = storedMs;
      return storedMs;
    }
    const last = this.#late.at(-1);
    if (last?.clockMs === this.#clockMs) this.#late[this.#late.length - 1] = { ...last, to };
    else this.#late.push({ from, to, clockMs: this.#clockMs });
    return this.#clockMs;
  }

  /** What to store with positions of which `lowestOffset` is the lowest. Forgets what is below. */
  stateFor(lowestOffset: number): ClockState {
    this.#late = this.#late.filter(({ to }) => to > lowestOffset);
    while (this.#late.length > LATE_MAX) this.#late.splice(this.#late[0]!.from <= lowestOffset ? 1 : 0, 1); // not empty
    return { offset: this.#offset, clockMs: this.#clockMs, late: [...this.#late] };
  }
}

function clockAt({ offset, clockMs, late }: ClockState, startOffset: number): number {
  if (startOffset >= offset) return clockMs;
  return late.find(({ from, to }) => from <= startOffset && startOffset < to)?.clockMs ?? 0;
}
