// Joins a consumer group with the protocol that the settings and the brokers allow.

import type { Logger } from '@pulses/shared-ports';
import type { Cluster } from '../protocol/cluster';
import { ClassicDriver } from './classic-driver';
import { ConsumerDriver } from './consumer-driver';
import { GroupMember } from './group-member';
import type { JoinGroup } from './membership';
import { consumerSessionMs, TAKEOVER_MS_MAX } from './session-time';

export type GroupProtocol = 'auto' | 'consumer' | 'classic';

/** Longer than a member takes to give a partition up. */
const REBALANCE_TIMEOUT_MS = 10_000;
const ID_BYTES = 16;
/** Feature of Apache Kafka 4.0 and newer, with ConsumerGroupHeartbeat 1. */
const GROUP_FEATURE = 'group.version';

/**
 * @param protocol `auto`: KIP-848 where a crashed member is known to be replaced in time, else the classic protocol
 * @param logger gets one line when the brokers' time-outs matter
 */
export function createJoinGroup(protocol: GroupProtocol, logger?: Pick<Logger, 'info' | 'warn'>): JoinGroup {
  let told = '';
  return async (options) => {
    const { cluster, clock, random, member, group, topic, topicId, partitionCount, sessionTimeoutMs, events, signal } =
      options;
    const choice = await chooseProtocol(protocol, cluster, group, sessionTimeoutMs);
    if (choice.line !== undefined && choice.line !== told) {
      told = choice.line;
      logger?.[protocol === 'auto' ? 'info' : 'warn']({}, choice.line);
    }
    const common = { cluster, group, topic, topicId, rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS };
    const driver = choice.isConsumer
      ? new ConsumerDriver({ ...common, memberId: `${member}-${Buffer.from(random.bytes(ID_BYTES)).toString('hex')}` })
      : new ClassicDriver({ ...common, clock, partitionCount, sessionTimeoutMs });
    return await GroupMember.join({ group, driver, clock, sessionTimeoutMs, events }, signal);
  };
}

interface ProtocolChoice {
  /** KIP-848. */
  readonly isConsumer: boolean;
  /** For the user. */
  readonly line?: string;
}

/** @throws PulsesError */
export async function chooseProtocol(
  protocol: GroupProtocol,
  cluster: Cluster,
  group: string,
  classicSessionMs: number,
): Promise<ProtocolChoice> {
  if (protocol === 'classic') return { isConsumer: false };
  if (protocol === 'auto' && (await cluster.featureLevel(GROUP_FEATURE)) === 0) return { isConsumer: false };
  const sessionMs = await consumerSessionMs(cluster, group);
  const isConsumer = protocol === 'consumer';
  if (sessionMs === undefined) return isConsumer ? { isConsumer } : classicInstead('an unknown time', classicSessionMs);
  if (sessionMs <= TAKEOVER_MS_MAX) return { isConsumer: true };
  const time = `${sessionMs / 1_000} s`;
  if (!isConsumer) return classicInstead(time, classicSessionMs);
  const line =
    `Kafka replaces a crashed member after ${time}: lower group.consumer.session.timeout.ms on the brokers, ` +
    'or set --kafka-group-protocol classic';
  return { isConsumer, line };
}

function classicInstead(time: string, classicSessionMs: number): ProtocolChoice {
  const line =
    `with the consumer protocol Kafka would replace a crashed member after ${time}: the classic protocol is used, which ` +
    `replaces it after ${classicSessionMs / 1_000} s`;
  return { isConsumer: false, line };
}
