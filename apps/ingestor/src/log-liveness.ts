// Whether the log answers, and whether its time moves on. Without either no window closes.

import type { Clock, Timer } from '@pulses/shared-ports';

const ASK_MS = 1_000;
/** With ASK_MS, the time until a log that has stopped is noticed. */
const ANSWER_MS_MAX = 3_000;
const STANDSTILL_MS_MAX = 3_000;

/** The log's time, with the monotonic time of the first and the last head that had it. */
interface HeadClock {
  readonly clockMs: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

export class LogLiveness {
  readonly #clock: Clock;
  #ask: (() => Promise<unknown>) | undefined;
  #askedMs: number | undefined;
  #head: HeadClock | undefined;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#schedule();
  }

  /** Asks the log of another session from now on, or none. */
  watch(ask: (() => Promise<unknown>) | undefined): void {
    this.#ask = ask;
    this.#askedMs = undefined;
    this.#head = undefined;
  }

  atHead(clockMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    const isSame = this.#head?.clockMs === clockMs;
    this.#head = { clockMs, firstMs: isSame ? (this.#head?.firstMs ?? nowMs) : nowMs, lastMs: nowMs };
  }

  /** What keeps the log from working; undefined when nothing does. */
  get trouble(): string | undefined {
    if (this.#askedMs !== undefined && this.#clock.monotonicMs() - this.#askedMs >= ANSWER_MS_MAX)
      return 'the broker does not answer';
    if (this.#head === undefined || this.#head.lastMs - this.#head.firstMs < STANDSTILL_MS_MAX) return undefined;
    const aheadSeconds = Math.round((this.#head.clockMs - this.#clock.nowMs()) / 1000);
    return `the log's time stands still, ${aheadSeconds} s ahead of the clock: no window closes until the clock catches up`;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#ask = undefined;
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimer(
      ASK_MS,
      () => {
        this.#send();
        this.#schedule();
      },
      { keepAlive: false },
    );
  }

  #send(): void {
    const ask = this.#ask;
    if (ask === undefined || this.#askedMs !== undefined) return;
    this.#askedMs = this.#clock.monotonicMs();
    const answered = () => {
      // Otherwise another session is asked by now.
      if (this.#ask === ask) this.#askedMs = undefined;
    };
    // A session that has failed is reported by the pipeline.
    ask().then(answered, answered);
  }
}
