// A member of a consumer group: keeps its place with heartbeats, tells which partitions it holds, and confirms those that
// it has given up.
//
// Guarantees: a partition counts as given up once its user has ended, or after `RELEASE_MS`. The new owner then fences
// what the old one may still send, so nothing is written twice. Events come one after another, and none after `close`.
// Bounds: one request at a time; a coordinator that is out of reach for the session time ends the membership.

import { Condition, delay, withTimeout } from '@pulses/shared-async';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import type { Clock } from '@pulses/shared-ports';
import type { GroupDriver } from './driver';
import type { MemberIdentity, Membership, MembershipEvents } from './membership';

export interface GroupMemberOptions {
  readonly group: string;
  readonly driver: GroupDriver;
  readonly clock: Clock;
  readonly sessionTimeoutMs: number;
  readonly events: MembershipEvents;
  /** Called once the coordinator has heard that this member leaves. */
  onLeft(): void;
}

/** Shorter than the rebalance time-out, after which the coordinator removes the member. */
const RELEASE_MS = 8_000;
const RETRY_MS = 250;
const LEAVE_MS = 1_000;

export class GroupMember implements Membership {
  readonly #options: GroupMemberOptions;
  readonly #closing = new AbortController();
  /** Notified after each answer, and at the end. */
  readonly #answered = new Condition();
  #wake = new AbortController();
  #told: ReadonlySet<number> | undefined;
  #telling: Promise<void> | undefined;
  #running: Promise<void> = Promise.resolve();
  #answers = 0;
  #end: PulsesError | undefined;

  private constructor(options: GroupMemberOptions) {
    this.#options = options;
  }

  /** Resolves with the first answer that has a share, also an empty one. @throws PulsesError, or the signal's reason */
  static async join(options: GroupMemberOptions, signal: AbortSignal): Promise<GroupMember> {
    const member = new GroupMember(options);
    const dueMs = await options.driver.exchange(signal);
    member.#answers = 1;
    member.#running = member.#run(dueMs);
    member.#tell();
    return member;
  }

  get group(): string {
    return this.#options.group;
  }

  identity(): MemberIdentity {
    return this.#options.driver.identity();
  }

  async ask(): Promise<void> {
    const answers = this.#answers;
    this.#wake.abort();
    await this.#answered.until(() => this.#answers > answers || this.#end !== undefined);
    if (this.#answers === answers) throw this.#end as unknown as PulsesError;
  }

  async rebalanced(stale: MemberIdentity): Promise<MemberIdentity> {
    const isStale = () => this.identity().generation === stale.generation;
    if (isStale()) this.#wake.abort();
    await this.#answered.until(() => !isStale() || this.#end !== undefined);
    if (this.#end !== undefined) throw this.#end;
    return this.identity();
  }

  async close(): Promise<void> {
    if (this.#end === undefined) {
      this.#finish(new PulsesError('CONNECTION_LOST', `the group ${this.group} was left`));
      await this.#leave();
    }
    await this.#running;
    await this.#telling;
  }

  async #run(firstDueMs: number): Promise<void> {
    const { driver, clock, sessionTimeoutMs } = this.#options;
    let dueMs = firstDueMs;
    let heardMs = clock.monotonicMs();
    for (;;) {
      await this.#pause(dueMs);
      if (this.#end !== undefined) return;
      try {
        dueMs = await driver.exchange(this.#closing.signal);
        heardMs = clock.monotonicMs();
        this.#answers += 1;
        this.#answered.notifyAll();
        this.#tell();
      } catch (error) {
        if (this.#isOver()) return;
        const isPassing = isPulsesError(error) && error.retriable && clock.monotonicMs() - heardMs < sessionTimeoutMs;
        if (!isPassing) {
          this.#lose(error);
          return;
        }
        dueMs = RETRY_MS;
      }
    }
  }

  /** Resolves when the next request is due, or something has to be said before. */
  async #pause(dueMs: number): Promise<void> {
    const wake = AbortSignal.any([this.#wake.signal, this.#closing.signal]);
    if (dueMs > 0) await delay(dueMs, this.#options.clock, wake).catch(() => undefined);
    if (this.#wake.signal.aborted) this.#wake = new AbortController();
  }

  /** Starts to bring the events up to date, unless that is under way. */
  #tell(): void {
    this.#telling ??= this.#tellAll().finally(() => {
      this.#telling = undefined;
    });
  }

  async #tellAll(): Promise<void> {
    const { driver, events, clock } = this.#options;
    const { ownership } = driver;
    while (this.#end === undefined) {
      const leaving = new Set(ownership.leaving);
      if (leaving.size > 0) {
        await withTimeout(
          events.onRevoked(leaving).catch(() => undefined),
          RELEASE_MS,
          clock,
        );
        driver.release(leaving);
        this.#wake.abort();
      } else if (this.#told === undefined || !isSame(this.#told, ownership.held)) {
        this.#told = new Set(ownership.held);
        events.onAssigned(this.#told);
      } else return;
    }
  }

  #isOver(): boolean {
    return this.#end !== undefined;
  }

  #finish(end: PulsesError): void {
    this.#end = end;
    this.#closing.abort(end);
    this.#answered.notifyAll();
  }

  #lose(cause: unknown): void {
    const error = isPulsesError(cause) ? cause : new PulsesError('CONNECTION_LOST', String(cause), { cause });
    this.#finish(error);
    void this.#leave();
    this.#options.events.onLost(error);
  }

  /** Never rejects. The coordinator removes a member that could not leave after the session time. */
  async #leave(): Promise<void> {
    const { driver, clock, onLeft } = this.#options;
    const limit = new AbortController();
    const leaving = driver.leave(limit.signal).then(onLeft, () => undefined);
    await withTimeout(leaving, LEAVE_MS, clock);
    limit.abort(new PulsesError('TIMED_OUT'));
  }
}

function isSame(a: ReadonlySet<number>, b: ReadonlySet<number>): boolean {
  return a.size === b.size && [...a].every((element) => b.has(element));
}
