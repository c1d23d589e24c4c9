// Whether other members hold a whole topic: then a member without a partition stands by. Else it only waits for its first
// assignment, which a coordinator may compute with delay.

import { consumerGroupDescribeV0, describeGroupsV5 } from '@platformatic/kafka';
import type { Ask, Cluster } from '../protocol/cluster';
import { isPulsesError } from '@pulses/shared-errors';
import { decodeAssignment } from './consumer-protocol';

export interface HoldersQuestion {
  readonly group: string;
  readonly topic: string;
  readonly partitionCount: number;
  /** Of the member that asks. */
  readonly memberId: string;
}

/** Partitions of the topic, by member. */
type Assignments = readonly { readonly memberId: string; readonly partitions: readonly number[] }[];

/** @throws PulsesError */
export async function othersHoldAll(cluster: Cluster, question: HoldersQuestion): Promise<boolean> {
  const { group, topic, partitionCount, memberId } = question;
  const asOf = (ask: Ask<Assignments>) => cluster.toCoordinator('group', group, ask);
  // A group has one protocol; of the other one it is unknown, or the broker does not have it.
  const assignments = await asOf(ofConsumerProtocol(group, topic)).catch((error: unknown) => {
    if (isPulsesError(error, 'CONNECTION_LOST')) throw error;
    return asOf(ofClassicProtocol(group, topic));
  });
  const others = assignments.filter((member) => member.memberId !== memberId);
  return new Set(others.flatMap(({ partitions }) => partitions)).size >= partitionCount;
}

function ofConsumerProtocol(group: string, topic: string): Ask<Assignments> {
  return async (connection) => {
    const { groups } = await consumerGroupDescribeV0.api.async(connection, [group], false);
    return groups
      .flatMap(({ members }) => members)
      .map(({ memberId, assignment }) => ({
        memberId,
        partitions: assignment.topicPartitions
          .filter(({ topicName }) => topicName === topic)
          .flatMap(({ partitions }) => partitions),
      }));
  };
}

function ofClassicProtocol(group: string, topic: string): Ask<Assignments> {
  return async (connection) => {
    const { groups } = await describeGroupsV5.api.async(connection, [group], false);
    return groups
      .flatMap(({ members }) => members)
      .map(({ memberId, memberAssignment }) => ({
        memberId,
        partitions: memberAssignment.length === 0 ? [] : decodeAssignment(memberAssignment, topic),
      }));
  };
}
