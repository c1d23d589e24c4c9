// The consumer group protocol of KIP-848: the coordinator decides on shares, members follow with heartbeats.
//
// Guarantees: each heartbeat says everything (subscription, time-outs, what is owned), so a lost answer needs no care. The
// coordinator gives a partition to another member only once a heartbeat no longer names it. Needs Kafka 4.0 or newer.

import { consumerGroupHeartbeatV1 } from '@platformatic/kafka';
import { PulsesError } from '@pulses/shared-errors';
import type { Cluster } from '../protocol/cluster';
import { kafkaCodeOf, KAFKA_ERROR } from '../protocol/errors';
import type { GroupDriver } from './driver';
import type { MemberIdentity } from './membership';
import { Ownership } from './ownership';

export interface ConsumerDriverOptions {
  readonly cluster: Cluster;
  readonly group: string;
  readonly topic: string;
  readonly topicId: string;
  /** No other member ever has the same. */
  readonly memberId: string;
  /** The coordinator removes a member that takes longer than this to give a partition up. */
  readonly rebalanceTimeoutMs: number;
}

type Answer = consumerGroupHeartbeatV1.ConsumerGroupHeartbeatResponse;

/** Neither an instance id nor a rack. */
const NOT_STATIC = [null, null] as const;
/** Neither a pattern of topics nor an assignor of its own. */
const BY_NAME = [null, null] as const;
const UNCHANGED = -1;
const EPOCH_JOIN = 0;
const EPOCH_LEAVE = -1;
const FENCING: ReadonlySet<number> = new Set([
  KAFKA_ERROR.UNKNOWN_MEMBER_ID,
  KAFKA_ERROR.FENCED_MEMBER_EPOCH,
  KAFKA_ERROR.STALE_MEMBER_EPOCH,
]);

export class ConsumerDriver implements GroupDriver {
  readonly ownership = new Ownership();
  readonly #options: ConsumerDriverOptions;
  #epoch = EPOCH_JOIN;

  constructor(options: ConsumerDriverOptions) {
    this.#options = options;
  }

  identity(): MemberIdentity {
    return { memberId: this.#options.memberId, generation: this.#epoch };
  }

  async exchange(signal: AbortSignal): Promise<number> {
    const { topic, topicId } = this.#options;
    const answer = await this.#heartbeat(this.#epoch, signal);
    this.#epoch = answer.memberEpoch;
    const { assignment } = answer;
    if (assignment === null) return answer.heartbeatIntervalMs;
    const shares = assignment.topicPartitions.map((share) => ({
      ...share,
      topicId: share.topicId.replaceAll('-', ''),
    }));
    if (shares.some((share) => share.topicId !== topicId))
      throw new PulsesError('TOPIC_UNKNOWN', `the topic ${topic} was deleted and created again`);
    const held = this.ownership.owned.length;
    this.ownership.assign(shares.flatMap(({ partitions }) => partitions));
    // What was just given has to be confirmed, or another member waits for it.
    return this.ownership.owned.length > held ? 0 : answer.heartbeatIntervalMs;
  }

  release(partitions: Iterable<number>): void {
    this.ownership.release(partitions);
  }

  async leave(signal: AbortSignal): Promise<void> {
    await this.#heartbeat(EPOCH_LEAVE, signal);
  }

  #heartbeat(epoch: number, signal: AbortSignal): Promise<Answer> {
    const { cluster, group, topic, topicId, memberId, rebalanceTimeoutMs } = this.#options;
    const { owned } = this.ownership;
    const partitions =
      epoch === EPOCH_JOIN || owned.length === 0 ? [] : [{ topicId: uuidOf(topicId), partitions: [...owned] }];
    // A member that leaves names no topic: it may have lost its right on that.
    const [timeoutMs, topics, shares]: [number, string[] | null, typeof partitions | null] =
      epoch === EPOCH_LEAVE ? [UNCHANGED, null, null] : [rebalanceTimeoutMs, [topic], partitions];
    return cluster.toCoordinator(
      'group',
      group,
      async (connection) => {
        const { async: heartbeat } = consumerGroupHeartbeatV1.api;
        try {
          return await heartbeat(
            connection,
            group,
            memberId,
            epoch,
            ...NOT_STATIC,
            timeoutMs,
            topics,
            ...BY_NAME,
            shares,
          );
        } catch (error) {
          throw FENCING.has(kafkaCodeOf(error) ?? KAFKA_ERROR.NONE) ? removed(group, error) : error;
        }
      },
      { lane: 'group', signal },
    );
  }
}

/** As @platformatic/kafka writes 32 hex digits. */
function uuidOf(topicId: string): string {
  return topicId.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function removed(group: string, cause: unknown): PulsesError {
  return new PulsesError('FENCED', `this member was removed from the group ${group}: it was silent for too long`, {
    cause,
  });
}
