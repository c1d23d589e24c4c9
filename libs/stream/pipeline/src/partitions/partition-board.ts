// What all sessions of a pipeline do, told as one: sums for metrics, and one state.
//
// Guarantees: the pipeline is active while a session is. What is told of a session ends with it.

import type { Session } from '@pulses/connector-api';
import type { PipelineObserver, PipelineState } from './options';

/** What a session tells of itself. */
export type SessionObserver = Omit<PipelineObserver, 'state'>;

interface Entry {
  openKeys: number;
  readUpTo: number;
}

export class SessionBoard {
  readonly #observer: PipelineObserver;
  readonly #entries = new Map<Session, Entry>();
  /** Told while no session is active. */
  #idleState: PipelineState = { kind: 'connecting', reason: 'no session yet' };

  constructor(observer: PipelineObserver) {
    this.#observer = observer;
  }

  /** How many sessions are active. */
  get size(): number {
    return this.#entries.size;
  }

  /** Stands by, or connects. */
  idle(state: PipelineState): void {
    this.#idleState = state;
    if (this.size === 0) this.#observer.state(state);
  }

  /**
   * The session works from now on; answers the observer for it.
   * @param committed a commit of the session is stored
   */
  active(session: Session, committed: () => void): SessionObserver {
    const observer = this.#observer;
    const entry: Entry = { openKeys: 0, readUpTo: 0 };
    this.#entries.set(session, entry);
    this.#tellActive();
    return {
      ...observer,
      committed: (seconds) => {
        committed();
        observer.committed(seconds);
      },
      openKeys: (count) => {
        entry.openKeys = count;
        observer.openKeys(this.#sum('openKeys'));
      },
      readUpTo: (offset) => {
        entry.readUpTo = offset;
        observer.readUpTo(this.#sum('readUpTo'));
      },
    };
  }

  /**
   * The session is over, also one that never was active.
   * @param state told when no other session is active and this process does not stand by; undefined to tell nothing
   */
  ended(session: Session, state: PipelineState | undefined): void {
    const wasActive = this.#entries.delete(session);
    if (state === undefined) return;
    if (this.#idleState.kind !== 'standby') this.#idleState = state;
    if (this.size === 0) this.#observer.state(this.#idleState);
    else if (wasActive) this.#tellActive();
    this.#observer.openKeys(this.#sum('openKeys'));
  }

  #tellActive(): void {
    const sessions = [...this.#entries];
    this.#observer.state({
      kind: 'active',
      partitions: sessions.flatMap(([{ source }]) => source.partition ?? []).sort((left, right) => left - right),
      ask: () => Promise.any(sessions.map(([session]) => session.sourceHead())),
      async sourceLag() {
        const lags = await Promise.all(
          sessions.map(async ([session, entry]) => Math.max(0, (await session.sourceHead()) - entry.readUpTo)),
        );
        return lags.reduce((total, lag) => total + lag, 0);
      },
    });
  }

  #sum(field: keyof Entry): number {
    let total = 0;
    for (const entry of this.#entries.values()) total += entry[field];
    return total;
  }
}
