// A source of several partitions in memory: a simulated log for each, and a group whose members share them.
//
// Guarantees: it passes the connector suite. A member is a connector with an open session or a call of `openSession` under
// way. Members hold as many partitions as each other, give or take one; a change moves as few as it can. Who loses a
// partition hears FENCED at once, unless it is paused.

import type { Connector, OpenSessionOptions, Session } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
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
}

export class SimSource {
  readonly partitions: readonly SimLog[];
  readonly #members = new Set<Member>();
  readonly #known = new Map<Connector, Member>();
  /** Resolves when a waiting call should look again. */
  #change = Promise.withResolvers<void>();

  /** @param partitions in order of their numbers */
  constructor(partitions: readonly SimLog[]) {
    this.partitions = partitions;
  }

  createConnector(): Connector {
    const member: Member = { held: new Map(), calls: 0, isClosed: false, isPaused: false };
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

  async #openSession(member: Member, { group, signal, onStandby }: OpenSessionOptions): Promise<Session> {
    signal.throwIfAborted();
    member.calls += 1;
    if (!member.isPaused) this.#members.add(member);
    this.#balance();
    let isStandby = false;
    try {
      for (;;) {
        const waiting = [...member.held].find(([, session]) => session === undefined);
        if (waiting !== undefined) return this.#open(member, waiting[0], group);
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
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }
}
