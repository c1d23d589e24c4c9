// Shares the turns of the event loop: so much of one kind of work in each, so that everybody else gets on between.
//
// Guarantees: first come, first served.

export interface Turns {
  /** Resolves when it is the caller's turn. */
  take(): Promise<void>;
}

/** @param perTurn so many callers go on in one turn of the event loop */
export function createTurns(perTurn: number): Turns {
  let taken = 0;
  let waiting: (() => void)[] = [];
  let isScheduled = false;

  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      const woken = waiting.slice(0, perTurn);
      waiting = waiting.slice(perTurn);
      taken = woken.length;
      if (taken > 0) schedule();
      for (const wake of woken) wake();
    });
  };

  return {
    take: () => {
      schedule();
      if (taken < perTurn && waiting.length === 0) {
        taken += 1;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        waiting.push(resolve);
      });
    },
  };
}
