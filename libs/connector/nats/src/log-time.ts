// The time of a source: the running maximum of the timestamps that the stream stored.
//
// A stream's own timestamps may step back, when its leader changes or a clock is set. The running maximum does not. It is a
// function of the whole log, so a session that starts in the middle has to know more than the log from there on.
// The state says it: the maximum `ms` over everything below `offset`, and, below it, each run of messages whose own
// timestamps were lower (`held`: first offset, offset behind the last, the maximum then).
//
// Guarantees: a message has the same time in every session, and times never fall. Bounds: HELD_RUNS_MAX runs.

import { PulsesError } from '@pulses/shared-errors';
import type { ClockState } from './position-record';

/** Steps back between the oldest position and the head. */
const HELD_RUNS_MAX = 1_000;

interface HeldRun {
  readonly from: number;
  to: number;
  readonly ms: number;
}

export class LogTime {
  #offset: number;
  #ms: number;
  #held: HeldRun[];

  constructor(state: ClockState) {
    this.#offset = state.offset;
    this.#ms = state.ms;
    this.#held = state.held.map(([from, to, ms]) => ({ from, to, ms }));
  }

  /** The maximum over everything read so far. */
  get ms(): number {
    return this.#ms;
  }

  /** The time of a message. Messages that no session has read yet come in the order of their offsets. */
  of(offset: number, ownMs: number): number {
    if (offset < this.#offset) return Math.max(ownMs, this.#heldAt(offset));
    this.#offset = offset + 1;
    if (ownMs >= this.#ms) {
      this.#ms = ownMs;
      return ownMs;
    }
    const last = this.#held.at(-1);
    if (last?.ms === this.#ms) last.to = offset + 1;
    else this.#held.push({ from: offset, to: offset + 1, ms: this.#ms });
    if (this.#held.length > HELD_RUNS_MAX)
      throw new PulsesError(
        'PROTOCOL_VIOLATION',
        `the source's time stepped back more than ${HELD_RUNS_MAX} times in one window: set the clocks of the servers right`,
      );
    return this.#ms;
  }

  /** What a session that starts at `lowestOffset` or later has to know. Forgets the rest. */
  state(lowestOffset: number): ClockState {
    this.#held = this.#held.filter(({ to }) => to > lowestOffset);
    return { offset: this.#offset, ms: this.#ms, held: this.#held.map(({ from, to, ms }) => [from, to, ms]) };
  }

  #heldAt(offset: number): number {
    for (const { from, to, ms } of this.#held) if (from <= offset && offset < to) return ms;
    return 0;
  }
}
