// Requests of tools: topics, groups, the offsets of groups, and the id of a producer.

import {
  deleteGroupsV2,
  deleteTopicsV6,
  describeGroupsV5,
  initProducerIdV4,
  listGroupsV4,
  metadataV12,
  offsetFetchV8,
} from '@platformatic/kafka';
import type { Ask } from '../protocol/cluster';
import { kafkaCodeOf, throwOn } from '../protocol/errors';
import type { GroupOffset } from '../protocol/offset-requests';
import type { ProducerIdentity } from '../protocol/transaction-requests';

const GROUP_ID_NOT_FOUND = 69;
const NO_ID = -1n;
const NO_EPOCH = -1;

/** The id of an idempotent producer without transactions. To any broker. */
export function identifyProducer(timeoutMs: number): Ask<ProducerIdentity> {
  return async (connection) => {
    const answer = await initProducerIdV4.api.async(connection, null, timeoutMs, NO_ID, NO_EPOCH);
    return { producerId: answer.producerId, epoch: answer.producerEpoch };
  };
}

/** Names of all topics but Kafka's own. To any broker. */
export function topicNames(): Ask<string[]> {
  return async (connection) => {
    const { topics } = await metadataV12.api
      .async(connection, null, false, false)
      .catch((error: unknown) => partialAnswer(error));
    return topics.flatMap(({ name, isInternal }) => (isInternal || name === null || name === undefined ? [] : [name]));
  };
}

/** The library rejects an answer in which one topic has an error, such as a partition without a leader. */
function partialAnswer(error: unknown): metadataV12.MetadataResponse {
  const { response } = error as { response?: metadataV12.MetadataResponse };
  if (response === undefined) throw error;
  return response;
}

/** Names of the consumer groups of which the broker is the coordinator. */
export function groupNames(): Ask<string[]> {
  return async (connection) => {
    const { groups } = await listGroupsV4.api.async(connection, [], []);
    return groups.map(({ groupId }) => groupId);
  };
}

/** Whether a group has members. To its coordinator. */
export function hasMembers(group: string): Ask<boolean> {
  return async (connection) => {
    const { groups } = await describeGroupsV5.api.async(connection, [group], false);
    return (groups[0]?.members.length ?? 0) > 0;
  };
}

/** All offsets that a group has committed. To its coordinator, which may answer UNSTABLE_OFFSET_COMMIT for a while. */
export function groupOffsets(group: string): Ask<GroupOffset[]> {
  return async (connection) => {
    const { groups } = await offsetFetchV8.api.async(
      connection,
      [{ groupId: group, memberEpoch: -1, topics: null }],
      true,
    );
    return (groups[0]?.topics ?? []).flatMap(({ name, partitions }) =>
      partitions.flatMap(({ partitionIndex, committedOffset, metadata, errorCode }) => {
        throwOn(errorCode, `the positions of ${group} on ${name}/${partitionIndex}`);
        if (committedOffset < 0n) return [];
        return [{ topic: name, partition: partitionIndex, offset: Number(committedOffset), metadata: metadata ?? '' }];
      }),
    );
  };
}

/** False when there is no such group. To its coordinator. */
export function deleteGroup(group: string): Ask<boolean> {
  return async (connection) => {
    try {
      await deleteGroupsV2.api.async(connection, [group]);
      return true;
    } catch (error) {
      if (kafkaCodeOf(error) === GROUP_ID_NOT_FOUND) return false;
      throw error;
    }
  };
}

/** To the controller. */
export function deleteTopics(topics: readonly string[], timeoutMs: number): Ask<unknown> {
  return (connection) =>
    deleteTopicsV6.api.async(
      connection,
      topics.map((name) => ({ name })),
      timeoutMs,
    );
}
