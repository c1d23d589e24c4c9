// Commits of a session, as few transactions.
//
// Guarantees: commits take effect in the order of the calls; those that arrive while a transaction is under way are one
// transaction afterwards. When one fails, so do all after it.

import type { OutputCommit, Position } from '@pulses/connector-api';
import { OutputBuffer, type OutputTopics } from '../output/output-buffer';

/** Commits of one transaction. */
export interface CommitGroup {
  readonly outputs: OutputBuffer;
  /** The newest of each name. */
  readonly positions: ReadonlyMap<string, Position>;
}

interface Waiting extends CommitGroup {
  readonly outputs: OutputBuffer;
  readonly positions: Map<string, Position>;
  readonly done: PromiseWithResolvers<void>;
}

export class CommitQueue {
  readonly #store: (group: CommitGroup) => Promise<void>;
  /** One is filled while the other is stored. */
  readonly #buffers: OutputBuffer[];
  #waiting: Waiting | undefined;
  #isRunning = false;
  #failure: unknown;

  /** @param store runs one transaction; one call at a time, and none after a rejection */
  constructor(topics: OutputTopics, store: (group: CommitGroup) => Promise<void>) {
    this.#buffers = [new OutputBuffer(topics), new OutputBuffer(topics)];
    this.#store = store;
  }

  /** Resolves when the commit is stored. @throws the first failure of any commit */
  async add(commit: OutputCommit): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure as Error;
    const waiting = (this.#waiting ??= {
      outputs: this.#buffers.pop()!, // at most one is stored
      positions: new Map(),
      done: Promise.withResolvers(),
    });
    waiting.outputs.add(commit);
    for (const [name, position] of commit.positions) waiting.positions.set(name, position);
    if (!this.#isRunning) void this.#run();
    await waiting.done.promise;
  }

  /** Refuses what waits and what comes. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.#waiting?.done.reject(this.#failure);
    this.#waiting = undefined;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    // Commits of the same turn are one transaction.
    await Promise.resolve();
    for (let group = this.#take(); group !== undefined; group = this.#take())
      try {
        await this.#store(group);
        group.outputs.clear();
        this.#buffers.push(group.outputs);
        group.done.resolve();
      } catch (error) {
        this.fail(error);
        group.done.reject(error);
      }
    this.#isRunning = false;
  }

  #take(): Waiting | undefined {
    const group = this.#waiting;
    this.#waiting = undefined;
    return group;
  }
}
