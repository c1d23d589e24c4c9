// Who waits for a topic to change.

export interface Listeners {
  add(topic: string, listener: () => void): () => void;
  /** Calls the topic's listeners. */
  wake(topic: string): void;
}

export function createListeners(): Listeners {
  const topics = new Map<string, Set<{ readonly call: () => void }>>();
  return {
    add: (topic, listener) => {
      // Wrapped, so that one function may be added twice and ended once.
      const entry = { call: listener };
      const entries = topics.get(topic) ?? new Set();
      topics.set(topic, entries.add(entry));
      return () => {
        entries.delete(entry);
        if (entries.size === 0 && topics.get(topic) === entries) topics.delete(topic);
      };
    },
    wake: (topic) => {
      if (topics.size === 0) return;
      const entries = topics.get(topic);
      if (entries === undefined) return;
      for (const entry of [...entries]) entry.call();
    },
  };
}
