// A source of several partitions in memory: a simulated log for each, and a group whose members share them.
//
// Guarantees: it passes the connector suite. A member is a connector with an open session or a call of `openSession` under
// way. Members hold as many partitions as each other, give or take one; a change moves as few as it can. Who loses a
// partition hears FENCED at once, unless it is paused.

import type { Connector, OpenSessionOptions, Session } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import type { Clock } from '@pulses/shared-ports';
import type { SimLog } from './sim-log';
import type { SimSession } from './sim-session';
import { untilAborted } from './until-aborted';

interface Member {
  /** By partition: the open session, or undefined for one that waits to be answered. */
  readonly held: Map<number, SimSession | undefined>;
  calls: number;
  isClosed: boolean;
  /** Its lease is over: it lost its partitions and does not hear of it. */
  isPaused: boolean;
  /** Of the newest call. */
  onShare: OpenSessionOptions['onShare'];
  /** Could not be opened: left alone until the times, on the clock of `SimSource.clock`. */
  readonly leftAlone: Map<number, number>;
}

export class SimSource {
  readonly partitions: readonly SimLog[];
  /** Why a partition can't be opened. */
  failOpen: (partition: number) => PulsesError | undefined = () => undefined;
  /** Needed once a partition can't be opened. */
  clock: Clock | undefined;
  readonly #members = new Set<Member>();
  readonly #known = new Map<Connector, Member>();
  /** Resolves when a waiting call should look again. */
  #change = Promise.withResolvers<void>();

  /** @param partitions in order of their numbers */
  constructor(partitions: readonly SimLog[]) {
    this.partitions = partitions;
  }

  createConnector(): Connector {
    const member: Member = {
      held: new Map(),
      calls: 0,
      isClosed: false,
      isPaused: false,
      onShare: undefined,
      leftAlone: new Map(),
    };
    const connector: Connector = {
      name: 'sim',
      supports: { atomicCommit: true, standby: true, partitions: true },
      openSession: (request) => this.#openSession(member, request),
      close: async () => {
        member.isClosed = true;
        for (const session of [...member.held.values()]) await session?.close();
        this.#leaveIfIdle(member);
      },
    };
    this.#known.set(connector, member);
    return connector;
  }

  /** Takes everything away from the connector's member, which does not hear of it. */
  expireLease(connector: Connector): void {
    const member = this.#known.get(connector);
    if (member === undefined) throw new TypeError('a connector of this source');
    member.isPaused = true;
    this.#members.delete(member);
    this.#balance();
  }

  /** Moves the partition to another member, if there is one. */
  move(partition: number): void {
    const others = [...this.#members].filter(({ held }) => !held.has(partition));
    const [next] = others.sort((left, right) => left.held.size - right.held.size);
    if (next === undefined) return;
    this.#take(partition);
    next.held.set(partition, undefined);
    this.#announce();
  }

  async #openSession(member: Member, options: OpenSessionOptions): Promise<Session> {
    const { group, signal, onShare, onStandby } = options;
    signal.throwIfAborted();
    member.calls += 1;
    member.onShare = onShare;
    if (!member.isPaused) this.#members.add(member);
    this.#balance();
    let isStandby = false;
    try {
      for (;;) {
        const waiting = this.#waitingOf(member);
        if (waiting !== undefined) {
          const error = this.failOpen(waiting);
          if (error === undefined) return this.#open(member, waiting, group);
          this.#leaveAlone(member, waiting, options.onFailure?.(waiting, error), error);
          continue;
        }
        if (member.held.size === 0 && !isStandby) {
          isStandby = true;
          onStandby(() => Promise.resolve());
        }
        await untilAborted(this.#change.promise, signal);
      }
    } finally {
      member.calls -= 1;
      this.#leaveIfIdle(member);
    }
  }

  /** A partition to open; one that could not be opened comes last. */
  #waitingOf({ held, leftAlone }: Member): number | undefined {
    const nowMs = this.clock?.monotonicMs() ?? 0;
    return [...held]
      .filter(([partition, session]) => session === undefined && (leftAlone.get(partition) ?? 0) <= nowMs)
      .map(([partition]) => partition)
      .sort((left, right) => (leftAlone.get(left) ?? -1) - (leftAlone.get(right) ?? -1))[0];
  }

  /** @throws the error when the caller wants no further partition */
  #leaveAlone({ leftAlone }: Member, partition: number, waitMs: number | undefined, error: PulsesError): void {
    if (waitMs === undefined) throw error;
    const { clock } = this;
    if (clock === undefined) throw new TypeError('a clock is needed');
    leftAlone.set(partition, clock.monotonicMs() + waitMs);
    clock.setTimer(
      waitMs,
      () => {
        this.#announce();
      },
      { keepAlive: false },
    );
  }

  #open(member: Member, partition: number, group: string): Session {
    const session: SimSession = this.#logOf(partition).open(group, () => {
      if (member.held.get(partition) !== session) return;
      member.held.set(partition, undefined);
      this.#leaveIfIdle(member);
      this.#announce();
    });
    member.held.set(partition, session);
    return session;
  }

  #leaveIfIdle(member: Member): void {
    const isIdle = member.calls === 0 && [...member.held.values()].every((session) => session === undefined);
    if (!isIdle && !member.isClosed) return;
    member.held.clear();
    if (this.#members.delete(member)) this.#balance();
  }

  /** Gives every partition to a member, and as many to each. */
  #balance(): void {
    const members = [...this.#members];
    if (members.length === 0) return;
    const most = Math.ceil(this.partitions.length / members.length);
    for (const member of members)
      for (const partition of [...member.held.keys()].slice(most)) {
        this.#take(partition);
      }
    for (const [partition] of this.partitions.entries()) {
      if (members.some(({ held }) => held.has(partition))) continue;
      const [least] = members.sort((left, right) => left.held.size - right.held.size);
      least?.held.set(partition, undefined);
    }
    // One that came last may be left with nothing while another has two.
    for (const member of members) {
      const [largest] = [...members].sort((left, right) => right.held.size - left.held.size);
      const [partition] = largest?.held.keys() ?? [];
      if (partition === undefined || (largest?.held.size ?? 0) - member.held.size < 2) continue;
      this.#take(partition);
      member.held.set(partition, undefined);
    }
    this.#announce();
  }

  /** Ends a member's time with the partition. */
  #take(partition: number): void {
    for (const { held } of this.#members) {
      const session = held.get(partition);
      if (!held.delete(partition)) continue;
      session?.fail(new PulsesError('FENCED', 'the partition went to another member'));
    }
  }

  #logOf(partition: number): SimLog {
    const log = this.partitions[partition];
    if (log === undefined) throw new TypeError(`there is no partition ${partition}`);
    return log;
  }

  #announce(): void {
    for (const { held, onShare } of this.#members)
      onShare?.({ held: new Set(held.keys()), count: this.partitions.length });
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }
}
