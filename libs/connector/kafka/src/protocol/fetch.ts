// Fetch of one partition, by its topic's id: a topic that was deleted and created again is not read by mistake (KIP-516).
//
//   request   (13) i32 replica = -1, i32 longest wait, i32 fewest bytes, i32 most bytes, i8 isolation, i32 session = 0,
//             i32 session epoch = -1, topics [UUID topic, partitions [i32 partition, i32 leader epoch, i64 offset,
//             i32 last epoch, i64 log start, i32 most bytes]], forgotten [], COMPACT_STRING rack
//   response  i32 throttle, i16 error, i32 session, topics [UUID topic, partitions [i32 partition, i16 error, i64 high
//             watermark, i64 last stable offset, i64 log start, aborted [i64 producer, i64 first offset], i32 replica,
//             COMPACT_NULLABLE_BYTES batches]]
//
// Bounds: the broker answers at most `bytesMax`, or one batch that is larger.

import { createAPI, Writer, type Reader } from '@platformatic/kafka';
import type { Ask } from './cluster';
import { KAFKA_ERROR, throwOn } from './errors';
import type { KafkaTopic } from './topic-metadata';

export interface FetchRequest {
  readonly topic: Pick<KafkaTopic, 'name' | 'topicId'>;
  readonly partition: number;
  readonly offset: number;
  /** How long the broker may wait for the first message. */
  readonly waitMs: number;
  readonly bytesMax: number;
}

export interface FetchAnswer {
  /** Offset after the last message that is committed, or belongs to no transaction: read_committed ends there. */
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly aborted: readonly { readonly producerId: bigint; readonly firstOffset: number }[];
  /** Whole batches, and perhaps the beginning of another. May start below the offset that was asked for. */
  readonly batches: Buffer;
}

const READ_COMMITTED = 1;
const EMPTY = Buffer.alloc(0);

const api = createAPI<[request: FetchRequest], FetchAnswer>(
  1,
  13,
  ({ topic, partition, offset, waitMs, bytesMax }: FetchRequest) =>
    Writer.create()
      .appendInt32(-1)
      .appendInt32(waitMs)
      .appendInt32(1)
      .appendInt32(bytesMax)
      .appendInt8(READ_COMMITTED)
      .appendInt32(0)
      .appendInt32(-1)
      .appendArray([topic.topicId], (topics, topicId) => {
        topics.appendUUID(topicId).appendArray([partition], (partitions, index) => {
          partitions
            .appendInt32(index)
            .appendInt32(-1)
            .appendInt64(BigInt(offset))
            .appendInt32(-1)
            .appendInt64(-1n)
            .appendInt32(bytesMax);
        });
      })
      .appendArray([], () => undefined)
      .appendString('')
      .appendTaggedFields(),
  (_correlationId, _apiKey, _apiVersion, reader) => readAnswer(reader),
);

/** Reads committed messages. The answer may hold aborted ones, which `aborted` names. */
export function fetch(request: FetchRequest): Ask<FetchAnswer> {
  return async (connection) => await api.async(connection, request);
}

function readAnswer(reader: Reader): FetchAnswer {
  reader.readInt32();
  const code = reader.readInt16();
  reader.readInt32();
  throwOn(code, 'the fetch was refused');
  const [answer] = reader
    .readArray((topics) => {
      topics.readUUID();
      return topics.readArray(readPartition);
    })
    .flat();
  if (answer === undefined) throwOn(KAFKA_ERROR.UNKNOWN_TOPIC_ID, 'the fetch was answered without the partition');
  return answer!; // thrown else
}

function readPartition(reader: Reader): FetchAnswer {
  const partition = reader.readInt32();
  const code = reader.readInt16();
  reader.readInt64(); // the high watermark
  const answer = {
    lastStableOffset: Number(reader.readInt64()),
    logStartOffset: Number(reader.readInt64()),
    aborted:
      reader.readNullableArray((entry) => ({
        producerId: entry.readInt64(),
        firstOffset: Number(entry.readInt64()),
      })) ?? [],
  };
  reader.readInt32(); // the replica to prefer
  const batches = reader.readNullableBytes() ?? EMPTY;
  throwOn(code, `the fetch of partition ${partition} was refused`);
  return { ...answer, batches };
}
