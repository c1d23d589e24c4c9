// Which partitions a member holds, and which it is giving up. Shared by both group protocols.
//
// Guarantees: a partition that has to go counts as owned until it is released, so the coordinator gives it to no other
// member before. One that comes back while it is being given up is held again only after that.

export class Ownership {
  readonly #held = new Set<number>();
  readonly #leaving = new Set<number>();
  #target: ReadonlySet<number> = new Set();

  /** In use. */
  get held(): ReadonlySet<number> {
    return this.#held;
  }

  /** To be given up. */
  get leaving(): ReadonlySet<number> {
    return this.#leaving;
  }

  /** What the coordinator is told: held or not yet given up, in order. */
  get owned(): readonly number[] {
    return [...this.#held, ...this.#leaving].sort((a, b) => a - b);
  }

  /** The coordinator's word on what this member should hold. */
  assign(target: Iterable<number>): void {
    this.#target = new Set(target);
    for (const partition of this.#held) {
      if (this.#target.has(partition)) continue;
      this.#held.delete(partition);
      this.#leaving.add(partition);
    }
    this.#takeFree();
  }

  /** These are given up: nothing of this member uses them any more. */
  release(partitions: Iterable<number>): void {
    for (const partition of partitions) this.#leaving.delete(partition);
    this.#takeFree();
  }

  #takeFree(): void {
    for (const partition of this.#target) if (!this.#leaving.has(partition)) this.#held.add(partition);
  }
}
