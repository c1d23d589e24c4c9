// The classic group protocol: members join, the leader shares the partitions out, heartbeats keep the place.
//
// A join waits until all members have joined again, at most the rebalance time-out. Members that hold partitions go on
// meanwhile. Needs Kafka 2.5 or newer: the requests are those of that version.

import { heartbeatV4, joinGroupV7, leaveGroupV4, syncGroupV5 } from '@platformatic/kafka';
import type { Connection } from '@platformatic/kafka';
import { PulsesError } from '@pulses/shared-errors';
import type { Clock } from '@pulses/shared-ports';
import type { Cluster } from '../protocol/cluster';
import { kafkaCodeOf, KAFKA_ERROR } from '../protocol/errors';
import { ClassicMember, type ClassicError, type ClassicRequest } from './classic-member';
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './consumer-protocol';
import type { GroupDriver } from './driver';
import type { MemberIdentity } from './membership';

export interface ClassicDriverOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly group: string;
  readonly topic: string;
  readonly topicId: string;
  readonly partitionCount: number;
  /** The coordinator removes a member that is silent for this long. */
  readonly sessionTimeoutMs: number;
  /** The coordinator waits this long for members to join again. */
  readonly rebalanceTimeoutMs: number;
}

const PROTOCOL_TYPE = 'consumer';
const PROTOCOL = 'cooperative-sticky';
/** Heartbeats in one session time: two may be lost. */
const HEARTBEATS_A_SESSION = 4;
/** How often to look for partitions that were added. */
const TOPIC_LOOK_MS = 5_000;

const ERRORS: ReadonlyMap<number, ClassicError> = new Map<number, ClassicError>([
  [KAFKA_ERROR.MEMBER_ID_REQUIRED, 'member-id-required'],
  [KAFKA_ERROR.REBALANCE_IN_PROGRESS, 'rebalance-in-progress'],
  [KAFKA_ERROR.UNKNOWN_MEMBER_ID, 'unknown-member'],
  [KAFKA_ERROR.ILLEGAL_GENERATION, 'illegal-generation'],
]);

/** What the coordinator refused, in words of the state machine. */
interface Refused {
  readonly refused: ClassicError;
  readonly memberId?: string;
}

export class ClassicDriver implements GroupDriver {
  readonly #options: ClassicDriverOptions;
  readonly #member: ClassicMember;
  #lookedMs: number;

  constructor(options: ClassicDriverOptions) {
    this.#options = options;
    this.#member = new ClassicMember(options.partitionCount);
    this.#lookedMs = options.clock.monotonicMs();
  }

  get ownership() {
    return this.#member.ownership;
  }

  identity(): MemberIdentity {
    return { memberId: this.#member.memberId, generation: this.#member.generation };
  }

  async exchange(signal: AbortSignal): Promise<number> {
    await this.#lookAtTopic(signal);
    const refusal = await this.#ask(this.#member.next(), signal);
    if (refusal !== undefined && this.#member.refused(refusal.refused, refusal.memberId) === 'fenced')
      throw new PulsesError(
        'FENCED',
        `this member was removed from the group ${this.#options.group}: it was silent for too long`,
      );
    return this.#member.isStable ? this.#options.sessionTimeoutMs / HEARTBEATS_A_SESSION : 0;
  }

  release(partitions: Iterable<number>): void {
    this.#member.released(partitions);
  }

  async leave(signal: AbortSignal): Promise<void> {
    const { group } = this.#options;
    const { memberId } = this.#member;
    if (memberId === '') return;
    await this.#send((connection) => leaveGroupV4.api.async(connection, group, [{ memberId }]), signal);
  }

  async #lookAtTopic(signal: AbortSignal): Promise<void> {
    const { cluster, clock, topic, topicId } = this.#options;
    if (clock.monotonicMs() - this.#lookedMs < TOPIC_LOOK_MS) return;
    const found = await cluster.topic(topic);
    signal.throwIfAborted();
    this.#lookedMs = clock.monotonicMs();
    // A topic that is missing for a moment is being created, or this broker has not heard of it yet.
    if (found === undefined) return;
    if (found.topicId !== topicId)
      throw new PulsesError('TOPIC_UNKNOWN', `the topic ${topic} was deleted and created again`);
    this.#member.partitionsCounted(found.partitions.length);
  }

  async #ask(request: ClassicRequest, signal: AbortSignal): Promise<Refused | undefined> {
    switch (request.kind) {
      case 'join':
        return await this.#join(request, signal);
      case 'sync':
        return await this.#sync(request, signal);
      case 'heartbeat': {
        const { generation, memberId } = request;
        const { group } = this.#options;
        const answer = await this.#send(
          (connection) => heartbeatV4.api.async(connection, group, generation, memberId),
          signal,
        );
        return 'refused' in answer ? answer : undefined;
      }
    }
  }

  async #join(request: Extract<ClassicRequest, { kind: 'join' }>, signal: AbortSignal): Promise<Refused | undefined> {
    const { group, topic, sessionTimeoutMs, rebalanceTimeoutMs } = this.#options;
    const protocols = [{ name: PROTOCOL, metadata: encodeSubscription({ ...request, topic }) }];
    const times = [sessionTimeoutMs, rebalanceTimeoutMs] as const;
    const answer = await this.#send(
      (connection) =>
        joinGroupV7.api.async(connection, group, ...times, request.memberId, null, PROTOCOL_TYPE, protocols),
      signal,
    );
    if ('refused' in answer) return answer;
    const { memberId, generationId: generation, members } = answer;
    const candidates = members.map((member) => ({
      ...decodeSubscription(member.metadata),
      memberId: member.memberId,
    }));
    const partitionCounts = await this.#countPartitions(new Set(candidates.map((candidate) => candidate.topic)));
    signal.throwIfAborted();
    this.#member.joined({ memberId, generation, candidates, partitionCounts });
    return undefined;
  }

  /** Of the topics that members of the group read. */
  async #countPartitions(topics: ReadonlySet<string>): Promise<ReadonlyMap<string, number>> {
    const { cluster } = this.#options;
    const found = await Promise.all([...topics].map((topic) => cluster.topic(topic)));
    return new Map(found.flatMap((topic) => (topic === undefined ? [] : [[topic.name, topic.partitions.length]])));
  }

  async #sync(request: Extract<ClassicRequest, { kind: 'sync' }>, signal: AbortSignal): Promise<Refused | undefined> {
    const { group, topic } = this.#options;
    const { memberId, generation, shares } = request;
    const assignments = shares.map((share) => ({
      memberId: share.memberId,
      assignment: encodeAssignment(share.topic, share.partitions),
    }));
    const answer = await this.#send(
      (connection) =>
        syncGroupV5.api.async(connection, group, generation, memberId, null, PROTOCOL_TYPE, PROTOCOL, assignments),
      signal,
    );
    if ('refused' in answer) return answer;
    this.#member.synced(decodeAssignment(answer.assignment, topic));
    return undefined;
  }

  #send<Answer extends object>(
    ask: (connection: Connection) => Promise<Answer>,
    signal: AbortSignal,
  ): Promise<Answer | Refused> {
    const refusable = async (connection: Connection): Promise<Answer | Refused> => {
      try {
        return await ask(connection);
      } catch (error) {
        const refused = ERRORS.get(kafkaCodeOf(error) ?? KAFKA_ERROR.NONE);
        if (refused === undefined) throw error;
        const memberId = (error as { response?: { memberId?: string } }).response?.memberId;
        return { refused, ...(memberId === undefined ? {} : { memberId }) };
      }
    };
    return this.#options.cluster.toCoordinator('group', this.#options.group, refusable, { lane: 'group', signal });
  }
}
