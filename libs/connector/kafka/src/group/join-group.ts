// Joins a consumer group with the protocol that the settings and the brokers allow.
//
// Guarantees: a member that could not leave, since its coordinator was out of reach, leaves before this process joins again.
// Else its partitions would stay with it until its session is over.

import type { Logger } from '@pulses/shared-ports';
import type { Cluster } from '../protocol/cluster';
import { isLost } from '../protocol/errors';
import { ClassicDriver } from './classic-driver';
import { ConsumerDriver } from './consumer-driver';
import type { GroupDriver } from './driver';
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
  /** By group and topic: of the last member, until the coordinator knows that it has left. */
  const drivers = new Map<string, GroupDriver>();
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
    const key = JSON.stringify([group, topic]);
    await leaveFor(drivers.get(key), signal);
    drivers.set(key, driver);
    const onLeft = () => {
      if (drivers.get(key) === driver) drivers.delete(key);
    };
    return await GroupMember.join({ group, driver, clock, sessionTimeoutMs, events, onLeft }, signal);
  };
}

/** @throws PulsesError when no answer comes; the signal's reason when it aborts */
async function leaveFor(driver: GroupDriver | undefined, signal: AbortSignal): Promise<void> {
  await driver?.leave(signal).catch((error: unknown) => {
    // A refusal says that the member has gone already.
    if (isLost(error)) throw error;
  });
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
