// Commits under way: several at a time, in order, within bounds.
//
// Guarantees: after the first failure nothing more is sent, and every later call rejects with that failure.

import type { OutputCommit, Session } from '@pulses/connector-api';
import { Condition } from '@pulses/shared-async';
import type { Clock } from '@pulses/shared-ports';

export interface CommitFlow {
  /**
   * Hands a commit on, waiting first until fewer than `underWayMax` are under way. `settled` runs when it is stored, or
   * is not known to be. @throws the flow's failure
   */
  send(commit: OutputCommit, settled: (isStored: boolean) => void): Promise<void>;
  /** Waits until a `send` would not. @throws the flow's failure */
  room(): Promise<void>;
  /** True when no commit is under way. */
  readonly isIdle: boolean;
  /** Waits until nothing is under way. @throws the flow's failure */
  drain(): Promise<void>;
}

export interface CommitFlowOptions {
  readonly session: Session;
  readonly clock: Clock;
  readonly underWayMax: number;
  stored(seconds: number): void;
}

export function createCommitFlow({ session, clock, underWayMax, stored }: CommitFlowOptions): CommitFlow {
  let underWay = 0;
  let failure: { readonly error: unknown } | undefined;
  const settlement = new Condition();

  const untilFewerThan = async (bound: number): Promise<void> => {
    await settlement.until(() => failure !== undefined || underWay < bound);
    if (failure !== undefined) throw failure.error;
  };

  const store = async (commit: OutputCommit, settled: (isStored: boolean) => void): Promise<void> => {
    const startMs = clock.monotonicMs();
    let isStored = false;
    try {
      await session.commit(commit);
      isStored = true;
      stored((clock.monotonicMs() - startMs) / 1000);
    } catch (error) {
      failure ??= { error };
    } finally {
      underWay -= 1;
      settled(isStored);
      settlement.notifyAll();
    }
  };

  return {
    async send(commit, settled) {
      await untilFewerThan(underWayMax);
      underWay += 1;
      void store(commit, settled);
    },
    room: () => untilFewerThan(underWayMax),
    get isIdle() {
      return underWay === 0;
    },
    drain: () => untilFewerThan(1),
  };
}
