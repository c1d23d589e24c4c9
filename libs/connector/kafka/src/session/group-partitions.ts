// The partitions that this process holds as a member of a group, and the sessions on them.
//
// Guarantees: a partition has at most one session here. One that must be given up is confirmed only after its session has
// ended. The group is left when the last session has ended and no call waits for another. A partition that could not be opened
// comes after the others, and holds up none of them.

import { Condition, delay } from '@pulses/shared-async';
import { PulsesError } from '@pulses/shared-errors';
import type { Clock, Timer } from '@pulses/shared-ports';
import type { Membership, MembershipEvents } from '../group/membership';
import type { KafkaSession } from './kafka-session';

/** How often a member without a partition looks whether others hold them all. */
const STANDBY_LOOK_MS = 250;
const FOREVER = new Promise<never>(() => undefined);

export class GroupPartitions {
  readonly #clock: Clock;
  readonly #othersHoldAll: () => Promise<boolean>;
  readonly #changed = new Condition();
  readonly #sessions = new Map<number, KafkaSession>();
  /** Being opened. */
  readonly #taken = new Set<number>();
  /** Opened ahead, by partition: for the next calls of `take`. */
  readonly #ready = new Map<number, KafkaSession>();
  /** Could not be opened: when each may be taken again, in monotonic milliseconds. */
  readonly #leftAlone = new Map<number, number>();
  readonly #retries = new Set<Timer>();
  #membership: Membership | undefined;
  #held: ReadonlySet<number> = new Set();
  #isAssigned = false;
  #onShare: (held: ReadonlySet<number>) => void = () => undefined;
  #failure: PulsesError | undefined;
  #isClosed = false;

  /** @param othersHoldAll asks the coordinator whether other members hold every partition */
  constructor(clock: Clock, othersHoldAll: () => Promise<boolean>) {
    this.#clock = clock;
    this.#othersHoldAll = othersHoldAll;
  }

  /** What the membership calls. */
  readonly events: MembershipEvents = {
    onAssigned: (partitions) => {
      this.#isAssigned = true;
      this.#hold(new Set(partitions));
      this.#changed.notifyAll();
    },
    onRevoked: async (partitions) => {
      const gone = [...partitions];
      this.#hold(new Set([...this.#held].filter((partition) => !partitions.has(partition))));
      // A session that is being opened would fence the next member's.
      await this.#changed.until(() => !gone.some((partition) => this.#taken.has(partition)));
      const reason = new PulsesError('FENCED', 'the partition goes to another member');
      await Promise.all(gone.map((partition) => this.#sessions.get(partition)?.end(reason) ?? Promise.resolve()));
    },
    onLost: (error) => {
      this.#end(error);
    },
  };

  /** Undefined until it has joined, and for ever once it is over. */
  get membership(): Membership | undefined {
    return this.#isOver ? undefined : this.#membership;
  }

  /** Sessions that have a user. */
  get sessionCount(): number {
    return this.#sessions.size - this.#ready.size;
  }

  get #isOver(): boolean {
    return this.#failure !== undefined;
  }

  joined(membership: Membership): void {
    this.#membership = membership;
  }

  /** Tells which partitions are held, as far as the group has said so, and each change. Replaces an earlier one. */
  tellShare(onShare: (held: ReadonlySet<number>) => void): void {
    this.#onShare = onShare;
    if (this.#isAssigned && !this.#isOver) onShare(this.#held);
  }

  /** The partition that was taken could not be opened, and may be taken again after a time. */
  leaveAlone(partition: number, waitMs: number): void {
    const dueMs = this.#clock.monotonicMs() + waitMs;
    this.#leftAlone.set(partition, dueMs);
    if (waitMs > 0 && !this.#isOver) {
      const timer = this.#clock.setTimer(waitMs, () => {
        this.#retries.delete(timer);
        // Timers may be early by a part of a millisecond, and no second one follows.
        if (this.#leftAlone.get(partition) === dueMs) this.#leftAlone.set(partition, this.#clock.monotonicMs());
        this.#changed.notifyAll();
      });
      this.#retries.add(timer);
    }
    this.release(partition);
  }

  /**
   * Waits for a session that was opened ahead, or for a partition that is held and has no session, and reserves it: `add`,
   * `leaveAlone` or `release` comes next.
   * @param onStandby called once when other members hold every partition.
   * @throws PulsesError when the membership ends; the signal's reason when it aborts
   */
  async take(signal: AbortSignal, onStandby: () => void): Promise<number | KafkaSession> {
    const abort = () => {
      this.#changed.notifyAll();
    };
    signal.addEventListener('abort', abort, { once: true });
    const taken = new AbortController();
    const failed = this.#tellStandby(AbortSignal.any([signal, taken.signal]), onStandby).then(() => FOREVER);
    failed.catch(() => undefined);
    try {
      for (;;) {
        signal.throwIfAborted();
        if (this.#failure !== undefined) throw this.#failure;
        for (const [partition, session] of this.#ready) {
          this.#ready.delete(partition);
          return session;
        }
        const free = this.#nextFree();
        if (free !== undefined) {
          this.#taken.add(free);
          return free;
        }
        await Promise.race([this.#changed.wait(), failed]);
      }
    } finally {
      signal.removeEventListener('abort', abort);
      taken.abort();
    }
  }

  /** Reserves free partitions, until as many are being opened. */
  takeFree(openingMax: number): number[] {
    const taken: number[] = [];
    while (this.#taken.size < openingMax) {
      const free = this.#nextFree();
      if (free === undefined) break;
      this.#taken.add(free);
      taken.push(free);
    }
    return taken;
  }

  /** A session that was added has no user yet. */
  offer(partition: number, session: KafkaSession): void {
    if (this.#sessions.get(partition) !== session) return;
    this.#ready.set(partition, session);
    this.#changed.notifyAll();
  }

  /** Those that could not be opened come last, the longest ago first. */
  #nextFree(): number | undefined {
    const nowMs = this.#clock.monotonicMs();
    const dueMs = (partition: number) => this.#leftAlone.get(partition) ?? -Infinity;
    let next: number | undefined;
    for (const partition of this.#held) {
      if (this.#sessions.has(partition) || this.#taken.has(partition) || dueMs(partition) > nowMs) continue;
      if (next === undefined || dueMs(partition) < dueMs(next)) next = partition;
    }
    return next;
  }

  #hold(held: ReadonlySet<number>): void {
    this.#held = held;
    this.#onShare(held);
  }

  async #tellStandby(signal: AbortSignal, onStandby: () => void): Promise<void> {
    const isWaiting = () => !signal.aborted && this.#held.size === 0 && this.#failure === undefined;
    for (;;) {
      await delay(STANDBY_LOOK_MS, this.#clock, signal).catch(() => undefined);
      if (!isWaiting()) return;
      // A failure shows in the membership itself.
      const isStandby = await this.#othersHoldAll().catch(() => false);
      if (isStandby && isWaiting()) {
        onStandby();
        return;
      }
    }
  }

  /** The partition has its session. @throws PulsesError FENCED when it has gone meanwhile */
  add(partition: number, session: KafkaSession): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#held.has(partition)) throw new PulsesError('FENCED', 'the partition went to another member');
    this.#taken.delete(partition);
    this.#leftAlone.delete(partition);
    this.#sessions.set(partition, session);
    this.#changed.notifyAll();
  }

  /** The partition has no session any more. */
  release(partition: number): void {
    this.#taken.delete(partition);
    this.#sessions.delete(partition);
    this.#ready.delete(partition);
    this.#changed.notifyAll();
  }

  /** Ends every session, and leaves the group. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const sessions = [...this.#sessions.values()];
    this.#end(new PulsesError('CONNECTION_LOST', 'the membership was closed'));
    await Promise.all(sessions.map((session) => session.close()));
    await this.#membership?.close();
  }

  #end(reason: PulsesError): void {
    this.#failure ??= reason;
    // Which partitions belong to this process is not known any more, so nothing is told.
    this.#held = new Set();
    for (const timer of this.#retries) timer.cancel();
    this.#retries.clear();
    for (const session of this.#sessions.values()) void session.end(reason);
    this.#changed.notifyAll();
  }
}
