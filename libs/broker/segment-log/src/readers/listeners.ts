// Callbacks that wait for a topic to change.

export class Listeners {
  readonly #topics = new Map<string, Set<{ readonly call: () => void }>>();

  has(topic: string): boolean {
    return this.#topics.has(topic);
  }

  /** @returns the function that ends it */
  add(topic: string, listener: () => void): () => void {
    // Wrapped, so that one function may be added twice and ended once.
    const entry = { call: listener };
    const entries = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, entries.add(entry));
    return () => {
      entries.delete(entry);
      if (entries.size === 0 && this.#topics.get(topic) === entries) this.#topics.delete(topic);
    };
  }

  /** Calls the topic's listeners. */
  wake(topic: string): void {
    const entries = this.#topics.get(topic);
    if (entries === undefined) return;
    for (const entry of [...entries]) entry.call();
  }
}
