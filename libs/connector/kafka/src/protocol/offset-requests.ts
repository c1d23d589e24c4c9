// Offsets of a partition, and those that a group has committed.

import { listOffsetsV7, offsetFetchV8 } from '@platformatic/kafka';
import type { Ask } from './cluster';
import { KAFKA_ERROR, throwOn } from './errors';

export interface StoredOffset {
  readonly offset: number;
  readonly metadata: string;
}

export type OffsetKind = 'earliest' | 'committed end';

const TIMESTAMP: Readonly<Record<OffsetKind, bigint>> = { earliest: -2n, 'committed end': -1n };
const READ_COMMITTED = 1;

/** The first offset that is kept, or the one after the last that read_committed shows. To the partition's leader. */
export function listOffset(topic: string, partition: number, kind: OffsetKind): Ask<number> {
  return async (connection) => {
    const { topics } = await listOffsetsV7.api.async(connection, -1, READ_COMMITTED, [
      { name: topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp: TIMESTAMP[kind] }] },
    ]);
    const found = topics[0]?.partitions[0];
    if (found === undefined) throwOn(KAFKA_ERROR.UNKNOWN_TOPIC_OR_PARTITION, `${topic}/${partition}`);
    return Number(found!.offset); // thrown else
  };
}

/**
 * What a group has stored, by partition; nothing for the partitions where it has nothing. To the group's coordinator. While
 * a transaction that stores it is not decided, the coordinator answers UNSTABLE_OFFSET_COMMIT (KIP-447).
 */
export function fetchOffsets(
  group: string,
  topic: string,
  partitions: readonly number[],
): Ask<ReadonlyMap<number, StoredOffset>> {
  return async (connection) => {
    const topics = [{ name: topic, partitionIndexes: [...partitions] }];
    const { groups } = await offsetFetchV8.api.async(connection, [{ groupId: group, memberEpoch: -1, topics }], true);
    const [answer] = groups;
    throwOn(answer?.errorCode ?? KAFKA_ERROR.COORDINATOR_NOT_AVAILABLE, `the positions of ${group}`);
    const found = answer?.topics[0]?.partitions ?? [];
    return new Map(
      found
        .filter(({ committedOffset }) => committedOffset >= 0n)
        .map(({ partitionIndex, committedOffset, metadata }) => [
          partitionIndex,
          { offset: Number(committedOffset), metadata: metadata ?? '' },
        ]),
    );
  };
}
