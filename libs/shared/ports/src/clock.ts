// Time, injected: production code never calls Date.now or setTimeout directly.

/** A pending call of a timer. */
export interface Timer {
  /** Drops the call; does nothing when it has run or was cancelled. */
  cancel(): void;
}

export interface Clock {
  /** Wall clock: whole milliseconds since the Unix epoch. May jump either way. */
  nowMs(): number;
  /** Monotonic: milliseconds with fractions, from an arbitrary start. Never runs backwards. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`. `keepAlive: false` lets the process end while it waits. */
  setTimer(delayMs: number, run: () => void, options?: { keepAlive?: boolean }): Timer;
}
