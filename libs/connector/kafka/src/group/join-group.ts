// Joins a consumer group with the protocol that the settings and the broker allow.

import { ClassicDriver } from './classic-driver';
import { ConsumerDriver } from './consumer-driver';
import { GroupMember } from './group-member';
import type { JoinGroup } from './membership';
import { sessionTimeWarning } from './session-time';

export type GroupProtocol = 'auto' | 'consumer' | 'classic';

/** Longer than a member takes to give a partition up. */
const REBALANCE_TIMEOUT_MS = 10_000;
const ID_BYTES = 16;
/** Feature of Apache Kafka 4.0 and newer, with ConsumerGroupHeartbeat 1. */
const GROUP_FEATURE = 'group.version';

/**
 * @param protocol `auto`: KIP-848 where the brokers have it, else the classic protocol
 * @param warn called once with what the user should know of the brokers' time-outs
 */
export function createJoinGroup(protocol: GroupProtocol, warn?: (line: string) => void): JoinGroup {
  let hasLooked = warn === undefined;
  return async (options) => {
    const { cluster, clock, random, member, group, topic, topicId, partitionCount, sessionTimeoutMs, events, signal } =
      options;
    const hasConsumer = protocol === 'auto' ? (await cluster.featureLevel(GROUP_FEATURE)) > 0 : protocol === 'consumer';
    const common = { cluster, group, topic, topicId, rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS };
    const driver = hasConsumer
      ? new ConsumerDriver({ ...common, memberId: `${member}-${Buffer.from(random.bytes(ID_BYTES)).toString('hex')}` })
      : new ClassicDriver({ ...common, clock, partitionCount, sessionTimeoutMs });
    const membership = await GroupMember.join({ group, driver, clock, sessionTimeoutMs, events }, signal);
    if (hasConsumer && !hasLooked) {
      hasLooked = true;
      void sessionTimeWarning(cluster, group).then((line) => {
        if (line !== undefined) warn?.(line);
      });
    }
    return membership;
  };
}
