// A coordinator of classic consumer groups, for one group: as Kafka's, without I/O and time.
//
// A join waits until every member has joined or is gone; a sync waits for the leader's shares. Answers are called in
// the order in which they are due.

import type { ClassicError, ClassicRequest, JoinAnswer, Share } from '../classic-member';

export type SimAnswer =
  | { readonly kind: 'joined'; readonly answer: JoinAnswer }
  | { readonly kind: 'synced'; readonly share: readonly number[] }
  | { readonly kind: 'alive' }
  | { readonly kind: 'refused'; readonly error: ClassicError; readonly memberId?: string };

type Reply = (answer: SimAnswer) => void;
type JoinRequest = Extract<ClassicRequest, { kind: 'join' }>;
type SyncRequest = Extract<ClassicRequest, { kind: 'sync' }>;

interface Member {
  readonly topic: string;
  subscription: JoinRequest;
  join: Reply | undefined;
  sync: Reply | undefined;
}

export class SimClassicGroup {
  readonly #members = new Map<string, Member>();
  #generation = 0;
  #phase: 'preparing' | 'completing' | 'stable' = 'stable';
  #shares: readonly Share[] = [];
  readonly #partitionCounts: ReadonlyMap<string, number>;
  #leader = '';
  /** Ids that were given to members which have not joined yet. */
  readonly #given = new Set<string>();
  #ids = 0;

  /** @param partitionCounts of the topics, by name; the caller changes them */
  constructor(partitionCounts: ReadonlyMap<string, number>) {
    this.#partitionCounts = partitionCounts;
  }

  /** @param topic what the member reads */
  ask(request: ClassicRequest, topic: string, reply: Reply): void {
    if (request.kind === 'join') {
      this.#join(request, topic, reply);
      return;
    }
    const member = this.#members.get(request.memberId);
    const refuse = (error: ClassicError) => {
      reply({ kind: 'refused', error });
    };
    if (member === undefined) refuse('unknown-member');
    else if (request.generation !== this.#generation) refuse('illegal-generation');
    else if (this.#phase === 'preparing') refuse('rebalance-in-progress');
    else if (request.kind === 'heartbeat') reply({ kind: 'alive' });
    else this.#sync(request, member, reply);
  }

  /** The session time of the member is over, or it has left. */
  remove(memberId: string): void {
    this.#given.delete(memberId);
    if (!this.#members.delete(memberId)) return;
    if (this.#phase !== 'preparing') this.#prepare();
    this.#completeJoin();
  }

  #join(request: JoinRequest, topic: string, reply: Reply): void {
    const { memberId } = request;
    if (memberId === '') {
      const given = `member-${(this.#ids += 1)}`;
      this.#given.add(given);
      reply({ kind: 'refused', error: 'member-id-required', memberId: given });
      return;
    }
    if (!this.#members.has(memberId) && !this.#given.has(memberId)) {
      reply({ kind: 'refused', error: 'unknown-member' });
      return;
    }
    if (this.#phase !== 'preparing') this.#prepare();
    this.#members.set(memberId, { topic, subscription: request, join: reply, sync: undefined });
    this.#completeJoin();
  }

  #prepare(): void {
    this.#phase = 'preparing';
    for (const member of this.#members.values()) {
      member.sync?.({ kind: 'refused', error: 'rebalance-in-progress' });
      member.sync = undefined;
    }
  }

  #completeJoin(): void {
    const members = [...this.#members];
    if (members.some(([, { join }]) => join === undefined)) return;
    this.#generation += 1;
    if (!this.#members.has(this.#leader)) this.#leader = members[0]?.[0] ?? '';
    this.#phase = members.length === 0 ? 'stable' : 'completing';
    const candidates = members.map(([memberId, { subscription, topic }]) => ({ ...subscription, topic, memberId }));
    for (const [memberId, member] of members) {
      const { join } = member;
      member.join = undefined;
      const answer = {
        memberId,
        generation: this.#generation,
        candidates: memberId === this.#leader ? candidates : [],
        partitionCounts: this.#partitionCounts,
      };
      join?.({ kind: 'joined', answer });
    }
  }

  #sync({ memberId, shares }: SyncRequest, member: Member, reply: Reply): void {
    if (this.#phase === 'stable') {
      reply({ kind: 'synced', share: this.#shareOf(memberId) });
      return;
    }
    member.sync = reply;
    if (memberId !== this.#leader) return;
    this.#shares = shares;
    this.#phase = 'stable';
    for (const [id, waiting] of this.#members) {
      waiting.sync?.({ kind: 'synced', share: this.#shareOf(id) });
      waiting.sync = undefined;
    }
  }

  #shareOf(memberId: string): readonly number[] {
    return this.#shares.find((share) => share.memberId === memberId)?.partitions ?? [];
  }
}
