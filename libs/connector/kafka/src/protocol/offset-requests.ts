// Offsets of a partition, and those that a group has committed.
//
//   OffsetCommit  (4, the last version that names a retention) STRING group, i32 generation = -1, STRING member = '',
//                 i64 retention, topics [STRING name, partitions [i32 partition, i64 offset, NULLABLE_STRING metadata]]
//                 response: i32 throttle, topics [STRING name, partitions [i32 partition, i16 error]]

import { createAPI, listOffsetsV7, offsetFetchV8, Writer } from '@platformatic/kafka';
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

/** An offset of a group, and where it stands. */
export interface GroupOffset extends StoredOffset {
  readonly topic: string;
  readonly partition: number;
}

/** A hundred years, in ms. */
const KEPT_MS = 100n * 365n * 24n * 60n * 60n * 1_000n;
/** Of a commit by no member. */
const NO_GENERATION = -1;

/**
 * Stores an offset of a group without members. Unlike others, Kafka does not remove it after `offsets.retention.minutes`.
 * To the group's coordinator, which refuses it while the group has members.
 */
export function commitKeptOffset(group: string, offset: GroupOffset): Ask<void> {
  return (connection) => keptOffsetApi.async(connection, group, offset);
}

const keptOffsetApi = createAPI<[group: string, offset: GroupOffset], undefined>(
  8,
  4,
  (group: string, { topic, partition, offset, metadata }: GroupOffset) =>
    Writer.create()
      .appendString(group, false)
      .appendInt32(NO_GENERATION)
      .appendString('', false)
      .appendInt64(KEPT_MS)
      .appendArray(
        [topic],
        (topics, name) => {
          topics.appendString(name, false).appendArray(
            [partition],
            (partitions, index) => {
              partitions.appendInt32(index).appendInt64(BigInt(offset)).appendString(metadata, false);
            },
            false,
            false,
          );
        },
        false,
        false,
      ),
  (_correlationId, _apiKey, _apiVersion, reader) => {
    reader.readInt32();
    reader.readArray(
      (topics) => {
        const name = topics.readString(false);
        topics.readArray(
          (partitions) => {
            const index = partitions.readInt32();
            throwOn(partitions.readInt16(), `the offset on ${name}/${index} was refused`);
          },
          false,
          false,
        );
      },
      false,
      false,
    );
    return undefined;
  },
  false,
  false,
);
