// Appends ticks to the source: the only proof that an idle log has passed a time.
//
// A fetch tells no clock, and the clock of another partition's leader proves nothing here. So a record goes into the source
// itself, and its LogAppendTime is the proof once it is read.
// Guarantees: a tick is sent only while a proof is wanted, everything stored was read, and no earlier tick is unread; at
// most one in `TICK_MS_MIN`. The first one is sent at once, since it tells how far the broker's clock is from ours.

import type { Clock, Timer } from '@pulses/shared-ports';

export interface TickerOptions {
  readonly clock: Clock;
  /** Stores a tick. @throws PulsesError */
  append(): Promise<{ readonly baseOffset: number; readonly logAppendTimeMs: number }>;
  onFailure(error: unknown): void;
}

/** Where reading stands. */
export interface TickerView {
  readonly isAtHead: boolean;
  readonly nextOffset: number;
  /** The log's clock so far. */
  readonly clockMs: number;
}

const TICK_MS_MIN = 1_000;

export class Ticker {
  readonly #options: TickerOptions;
  #view: TickerView = { isAtHead: false, nextOffset: 0, clockMs: 0 };
  #wantedMs = -Infinity;
  #unreadTick = -1;
  #nextTickMs = -Infinity;
  /** Log time less our wall clock; undefined until a tick has told. */
  #skewMs: number | undefined;
  #isSending = false;
  #isClosed = false;
  #timer: Timer | undefined;

  constructor(options: TickerOptions) {
    this.#options = options;
  }

  /** Proof is wanted that the log has passed a time. Replaces an earlier one. */
  want(timeMs: number): void {
    this.#wantedMs = timeMs;
    this.#plan();
  }

  /** Tells where reading stands. */
  update(view: TickerView): void {
    this.#view = view;
    this.#plan();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #plan(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { isAtHead, nextOffset, clockMs } = this.#view;
    if (this.#isClosed || this.#isSending || !isAtHead) return;
    if (clockMs >= this.#wantedMs || this.#unreadTick >= nextOffset) return;
    const { clock } = this.#options;
    const untilDueMs = this.#skewMs === undefined ? 0 : this.#wantedMs - this.#skewMs - clock.nowMs();
    const waitMs = Math.max(0, untilDueMs, this.#nextTickMs - clock.monotonicMs());
    this.#timer = clock.setTimer(waitMs, () => void this.#send(), { keepAlive: false });
  }

  async #send(): Promise<void> {
    const { clock, append, onFailure } = this.#options;
    this.#isSending = true;
    this.#nextTickMs = clock.monotonicMs() + TICK_MS_MIN;
    try {
      const { baseOffset, logAppendTimeMs } = await append();
      this.#unreadTick = baseOffset;
      this.#skewMs = logAppendTimeMs - clock.nowMs();
    } catch (error) {
      this.#isClosed = true;
      onFailure(error);
    }
    this.#isSending = false;
    this.#plan();
  }
}
