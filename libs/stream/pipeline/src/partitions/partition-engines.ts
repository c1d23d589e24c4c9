// An engine for each partition, since an engine keeps the windows of one source.
//
// Guarantees: a partition that comes again while it belongs to this process has the engine that it had. Bounds: one for each
// partition of this process.

import type { AggregationEngine } from '@pulses/aggregation-api';

/** The number of a partition; undefined for a source that has none. */
type Partition = number | undefined;

export class PartitionEngines {
  readonly #create: () => AggregationEngine;
  readonly #engines = new Map<Partition, AggregationEngine>();

  constructor(create: () => AggregationEngine) {
    this.#create = create;
  }

  of(partition: Partition): AggregationEngine {
    const engine = this.#engines.get(partition) ?? this.#create();
    this.#engines.set(partition, engine);
    return engine;
  }

  /** The partition went to another process. */
  async release(partition: Partition): Promise<void> {
    const engine = this.#engines.get(partition);
    this.#engines.delete(partition);
    await engine?.close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#engines.keys()].map((partition) => this.release(partition)));
  }
}
