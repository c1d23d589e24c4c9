// A member of a classic consumer group, as a state machine without I/O: which request comes next, and what an answer
// means.
//
//   outside --join--> joined --sync--> stable --heartbeat--> stable
//                       ^                 |  a rebalance, a partition given up, a partition added
//                       +------join-------+
//
// Guarantees: a rebalance takes no partition away by itself (cooperative, KIP-429). What has to go is given up first, and
// the member then joins once more, so that others get it.

import { assignTopics, type Candidate } from './assignor';
import { Ownership } from './ownership';

/** What a member gets of its topic. */
export interface Share {
  readonly memberId: string;
  readonly topic: string;
  readonly partitions: readonly number[];
}

export type ClassicRequest =
  | { readonly kind: 'join'; readonly memberId: string; readonly owned: readonly number[]; readonly generation: number }
  | {
      readonly kind: 'sync';
      readonly memberId: string;
      readonly generation: number;
      /** From the leader: everyone's share of its topic; empty from others. */
      readonly shares: readonly Share[];
    }
  | { readonly kind: 'heartbeat'; readonly memberId: string; readonly generation: number };

export interface JoinAnswer {
  readonly memberId: string;
  readonly generation: number;
  /** Everyone, when this member leads; else nothing. */
  readonly candidates: readonly Candidate[];
  /** Of the topics of the candidates, by name. */
  readonly partitionCounts: ReadonlyMap<string, number>;
}

/** What a refusal means: the request is made again in another form, or the member is out. */
export type Refusal = 'again' | 'fenced';

/** Refusals that the machine knows. */
export type ClassicError = 'member-id-required' | 'rebalance-in-progress' | 'unknown-member' | 'illegal-generation';

type State =
  | { readonly kind: 'outside' }
  | { readonly kind: 'joined'; readonly shares: readonly Share[] }
  | { readonly kind: 'stable' };

export class ClassicMember {
  readonly ownership = new Ownership();
  #memberId = '';
  #generation = -1;
  #state: State = { kind: 'outside' };
  /** Something changed that the coordinator has not heard of in a join. */
  #joinDue = false;
  #partitionCount: number;

  constructor(partitionCount: number) {
    this.#partitionCount = partitionCount;
  }

  get memberId(): string {
    return this.#memberId;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Nothing is to be said before the next heartbeat. */
  get isStable(): boolean {
    return this.#state.kind === 'stable' && !this.#joinDue;
  }

  next(): ClassicRequest {
    const [memberId, generation, state] = [this.#memberId, this.#generation, this.#state];
    if (state.kind === 'outside' || (state.kind === 'stable' && this.#joinDue)) {
      this.#joinDue = false;
      return { kind: 'join', memberId, owned: this.ownership.owned, generation };
    }
    if (state.kind === 'stable') return { kind: 'heartbeat', memberId, generation };
    const { shares } = state;
    return { kind: 'sync', memberId, generation, shares };
  }

  joined({ memberId, generation, candidates, partitionCounts }: JoinAnswer): void {
    this.#memberId = memberId;
    this.#generation = generation;
    const partitions = assignTopics(candidates, partitionCounts);
    const shares = candidates.map((candidate) => ({
      memberId: candidate.memberId,
      topic: candidate.topic,
      partitions: partitions.get(candidate.memberId) ?? [],
    }));
    this.#state = { kind: 'joined', shares };
  }

  synced(share: readonly number[]): void {
    this.#state = { kind: 'stable' };
    this.ownership.assign(share);
  }

  /** @param memberId the id that the coordinator gives with `member-id-required` */
  refused(error: ClassicError, memberId?: string): Refusal {
    switch (error) {
      case 'member-id-required':
        this.#memberId = memberId ?? '';
        return 'again';
      case 'rebalance-in-progress':
        this.#state = { kind: 'outside' };
        return 'again';
      case 'unknown-member':
      case 'illegal-generation':
        return 'fenced';
    }
  }

  /** These are given up; the group has to hear of it. */
  released(partitions: Iterable<number>): void {
    this.ownership.release(partitions);
    this.#joinDue = true;
  }

  /** How many partitions the topic has now. The leader may read another one, so each member asks for its own. */
  partitionsCounted(count: number): void {
    if (count === this.#partitionCount) return;
    this.#partitionCount = count;
    this.#joinDue = true;
  }
}
