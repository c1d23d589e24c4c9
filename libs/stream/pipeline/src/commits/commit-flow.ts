// Commits under way: several at a time, in order, within bounds.
//
// Guarantees: commits are sent in the order of the calls. After the first failure nothing more is sent, and every later call
// rejects with that failure. The sums of a window need many commits, so they leave room for one of lines.
// Bounds: `underWayMax` commits.

import type { OutputCommit, Session } from '@pulses/connector-api';
import { Condition } from '@pulses/shared-async';
import type { Clock } from '@pulses/shared-ports';

export interface CommitFlowOptions {
  readonly session: Pick<Session, 'commit'>;
  readonly clock: Clock;
  readonly underWayMax: number;
  /** A commit was stored; `seconds` is how long it took. */
  stored(seconds: number): void;
}

export class CommitFlow {
  readonly #options: CommitFlowOptions;
  readonly #settlement = new Condition();
  #underWay = 0;
  #sumsUnderWay = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: CommitFlowOptions) {
    this.#options = options;
  }

  /** True when no commit is under way. */
  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  /**
   * Hands a commit on, once fewer than `underWayMax` are under way; commits are sent in the order of the calls. Resolves
   * then, not when it is stored. `settled` runs when it is stored, or is not known to be. @throws the flow's failure
   */
  async send(commit: OutputCommit, settled: (isStored: boolean) => void): Promise<void> {
    await this.#settlement.until(() => {
      if (this.#failure !== undefined) return true;
      if (!this.hasRoom) return false;
      // Within the predicate: no other call can take the same room.
      this.#underWay += 1;
      if (commit.aggregated !== undefined) this.#sumsUnderWay += 1;
      void this.#store(commit, settled);
      return true;
    });
    this.#throwFailure();
  }

  /** True when a `send` would not wait. */
  get hasRoom(): boolean {
    return this.#underWay < this.#options.underWayMax;
  }

  /** Waits until there is room for sums beside a commit of lines. @throws the flow's failure */
  roomForSums(): Promise<void> {
    const sumsMax = Math.max(1, this.#options.underWayMax - 1);
    return this.until(() => this.hasRoom && this.#sumsUnderWay < sumsMax);
  }

  /** Waits until no commit is under way. @throws the flow's failure */
  drain(): Promise<void> {
    return this.until(() => this.isIdle);
  }

  /** Waits for what can only become true when a commit settles. @throws the flow's failure */
  async until(isMet: () => boolean): Promise<void> {
    await this.#settlement.until(() => this.#failure !== undefined || isMet());
    this.#throwFailure();
  }

  async #store(commit: OutputCommit, settled: (isStored: boolean) => void): Promise<void> {
    const { session, clock, stored } = this.#options;
    const startMs = clock.monotonicMs();
    let isStored = false;
    try {
      await session.commit(commit);
      isStored = true;
      stored((clock.monotonicMs() - startMs) / 1000);
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      this.#underWay -= 1;
      if (commit.aggregated !== undefined) this.#sumsUnderWay -= 1;
      settled(isStored);
      this.#settlement.notifyAll();
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
