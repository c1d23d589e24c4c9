// Membership of a consumer group, as the connector sees it.
//
// A member holds a set of partitions. It opens one session for each, and ends those that it must give up before it
// confirms. The membership knows nothing of sessions.

import type { Clock, Random } from '@pulses/shared-ports';
import type { PulsesError } from '@pulses/shared-errors';
import type { Cluster } from '../protocol/cluster';

/** What a commit of positions carries, so that the coordinator refuses it after a rebalance. */
export interface MemberIdentity {
  readonly memberId: string;
  /** Generation of the classic protocol; member epoch of KIP-848. */
  readonly generation: number;
}

/** Called one after another; none is called after `close` has resolved. */
export interface MembershipEvents {
  /** Every partition that the member holds now; may be none, also at first. */
  onAssigned(partitions: ReadonlySet<number>): void;
  /** The member must give these up. It confirms once the promise resolves, and at the latest when its time is up. */
  onRevoked(partitions: ReadonlySet<number>): Promise<void>;
  /** The last call: the member was removed, or its coordinator is out of reach. All its partitions are gone. */
  onLost(error: PulsesError): void;
}

export interface Membership {
  readonly group: string;
  /** As of now; it changes with each rebalance. */
  identity(): MemberIdentity;
  /**
   * Resolves with the next identity once `stale` is no longer it. A commit that is refused for its generation may be sent
   * again with that, while its partition is still held: during a rebalance the coordinator knows the new generation first.
   * @throws PulsesError when the membership ends before
   */
  rebalanced(stale: MemberIdentity): Promise<MemberIdentity>;
  /** Resolves when the coordinator has answered: a sign of life for a member that stands by. */
  ask(): Promise<void>;
  /** Leaves the group, so that others take over at once. Does not wait long for a coordinator that hangs. */
  close(): Promise<void>;
}

export interface JoinOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly random: Random;
  readonly group: string;
  readonly topic: string;
  /** Of the topic that the caller means: the membership ends with TOPIC_UNKNOWN when another one takes its name. */
  readonly topicId: string;
  readonly partitionCount: number;
  /** Names this process, for the coordinator's log. */
  readonly member: string;
  readonly sessionTimeoutMs: number;
  readonly events: MembershipEvents;
  readonly signal: AbortSignal;
}

/** Joins a group. Resolves with the first answer of the coordinator. @throws PulsesError */
export type JoinGroup = (options: JoinOptions) => Promise<Membership>;
