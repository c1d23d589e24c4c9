// What the partitions of this process do, told as one: sums for metrics, one state, and a status for each partition.
//
// A source without partitions has one, which is undefined.
// Guarantees: the pipeline is active while a partition is. What is told of a partition ends when it goes to another member.

import type { PartitionShare, Session } from '@pulses/connector-api';
import type { Clock } from '@pulses/shared-ports';
import type { PartitionState, PartitionStatus, PipelineObserver, PipelineState } from '../options';

/** What a session tells of itself. */
export type SessionObserver = Omit<PipelineObserver, 'state' | 'partitions'>;

/** Why a partition does not work. */
export interface Trouble {
  readonly state: Exclude<PartitionState, 'active'>;
  readonly reason: string;
}

type PartitionNumber = number | undefined;

interface Entry {
  /** Of the active session. */
  readonly session: Session | undefined;
  readonly trouble: Trouble | undefined;
  readonly sinceMs: number;
  /** Of an active one: since when it did not work before, until it has shown that it works. */
  brokenSinceMs: number | undefined;
  openKeys: number;
  readUpTo: number;
}

/** A session that lived so long works. */
const SOUND_SESSION_MS = 10_000;
const OPENING: Trouble = { state: 'connecting', reason: 'its session is being opened' };

export class PartitionBoard {
  readonly #observer: PipelineObserver;
  readonly #clock: Clock;
  readonly #hasPartitions: boolean;
  readonly #entries = new Map<PartitionNumber, Entry>();
  #share: PartitionShare | undefined;
  /** Told while no partition is active. */
  #idleState: PipelineState = { kind: 'connecting', reason: 'no session yet' };

  constructor(observer: PipelineObserver, clock: Clock, hasPartitions: boolean) {
    this.#observer = observer;
    this.#clock = clock;
    this.#hasPartitions = hasPartitions;
    if (!hasPartitions) this.#setTrouble(undefined, OPENING);
    this.#tellPartitions();
  }

  /** How many partitions are active. */
  get size(): number {
    return this.#active.length;
  }

  /** Stands by, or connects. */
  idle(state: PipelineState): void {
    this.#idleState = state;
    if (this.size === 0) this.#observer.state(state);
    if (state.kind === 'standby') this.#entries.delete(undefined);
    else if (state.kind === 'connecting') {
      if (!this.#hasPartitions && this.#entries.size === 0) this.#setTrouble(undefined, OPENING);
      for (const [partition, { trouble }] of this.#entries)
        if (trouble?.state === 'connecting') this.#setTrouble(partition, { state: 'connecting', reason: state.reason });
    }
    this.#tellPartitions();
  }

  /** Which partitions belong to this process. */
  shared(share: PartitionShare): void {
    this.#share = share;
    for (const [partition, { session }] of this.#entries)
      if (session === undefined && this.#isElsewhere(partition)) this.#entries.delete(partition);
    for (const partition of share.held) if (!this.#entries.has(partition)) this.#setTrouble(partition, OPENING);
    this.#tellPartitions();
  }

  /** The partition does not work, for a reason. */
  troubled(partition: PartitionNumber, trouble: Trouble): void {
    if (this.#isElsewhere(partition)) return;
    this.#setTrouble(partition, trouble);
    this.#tellPartitions();
  }

  /**
   * The session works from now on; answers the observer for it.
   * @param committed a commit of the session is stored
   */
  active(session: Session, committed: () => void): SessionObserver {
    const observer = this.#observer;
    const { partition } = session.source;
    const entry: Entry = {
      session,
      trouble: undefined,
      sinceMs: this.#clock.monotonicMs(),
      brokenSinceMs: this.#entries.get(partition)?.sinceMs,
      openKeys: 0,
      readUpTo: 0,
    };
    this.#entries.set(partition, entry);
    this.#tellActive();
    this.#tellPartitions();
    return {
      ...observer,
      committed: (seconds) => {
        entry.brokenSinceMs = undefined;
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
  ended(session: Session, state: Extract<PipelineState, { kind: 'connecting' }> | undefined): void {
    const { partition } = session.source;
    const wasActive = this.#entries.get(partition)?.session === session;
    if (state === undefined || this.#isElsewhere(partition)) this.#entries.delete(partition);
    else this.#setTrouble(partition, { state: 'connecting', reason: state.reason });
    if (state === undefined) return;
    if (this.#idleState.kind !== 'standby') this.#idleState = state;
    if (this.size === 0) this.#observer.state(this.#idleState);
    else if (wasActive) this.#tellActive();
    this.#observer.openKeys(this.#sum('openKeys'));
    this.#tellPartitions();
  }

  get #active(): Session[] {
    return [...this.#entries.values()].flatMap(({ session }) => session ?? []);
  }

  #isElsewhere(partition: PartitionNumber): boolean {
    return this.#share !== undefined && partition !== undefined && !this.#share.held.has(partition);
  }

  #setTrouble(partition: PartitionNumber, trouble: Trouble): void {
    const before = this.#entries.get(partition);
    const nowMs = this.#clock.monotonicMs();
    let sinceMs = before?.sinceMs ?? nowMs;
    // A session that ends at once, again and again, is one trouble.
    if (before?.session !== undefined)
      sinceMs = nowMs - before.sinceMs < SOUND_SESSION_MS ? (before.brokenSinceMs ?? nowMs) : nowMs;
    const entry = { session: undefined, trouble, sinceMs, brokenSinceMs: undefined, openKeys: 0, readUpTo: 0 };
    this.#entries.set(partition, entry);
  }

  #tellActive(): void {
    const sessions = this.#active;
    this.#observer.state({ kind: 'active', ask: () => Promise.any(sessions.map((session) => session.sourceHead())) });
  }

  #tellPartitions(): void {
    const own = [...this.#entries]
      .sort(([left = 0], [right = 0]) => left - right)
      .map(([partition, entry]) => statusOf(partition, entry));
    const isStandby = this.#share === undefined && this.#idleState.kind === 'standby';
    const count = this.#share?.count ?? (isStandby ? 1 : own.length);
    this.#observer.partitions({ own, elsewhere: Math.max(0, count - own.length) });
  }

  #sum(field: 'openKeys' | 'readUpTo'): number {
    let total = 0;
    for (const entry of this.#entries.values()) total += entry[field];
    return total;
  }
}

function statusOf(partition: PartitionNumber, entry: Entry): PartitionStatus {
  const { session, trouble, sinceMs } = entry;
  if (session === undefined) return { partition, ...(trouble ?? OPENING), sinceMs };
  return {
    partition,
    state: 'active',
    sinceMs,
    // The head is asked first: what is read meanwhile is no lag.
    lag: async () => Math.max(0, (await session.sourceHead()) - entry.readUpTo),
  };
}
