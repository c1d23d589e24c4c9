// A condition variable for one thread: waiters sleep until the state that they depend on may have changed.
//
// Guarantees: `notifyAll` wakes each task that waits at that moment, in the order of arrival, and no later one.
// Does not guarantee: that the state is unchanged when a woken task continues, since another one may have run first.
// A task that takes from the state takes it inside the predicate of `until`.

export class Condition {
  #waiters: (() => void)[] = [];

  get hasWaiters(): boolean {
    return this.#waiters.length > 0;
  }

  /** Resolves at the next `notifyAll`. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  /** Resolves once `isMet` answers true. It is called at once and after each `notifyAll`. */
  async until(isMet: () => boolean): Promise<void> {
    while (!isMet()) await this.wait();
  }

  notifyAll(): void {
    const woken = this.#waiters;
    this.#waiters = [];
    for (const wake of woken) wake();
  }
}
