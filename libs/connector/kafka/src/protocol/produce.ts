// Produce: one batch for each partition, acknowledged by every replica in sync.
//
//   request   (9 to 12) COMPACT_NULLABLE_STRING transactional id, i16 acks = -1, i32 timeout, topics [COMPACT_STRING name,
//             partitions [i32 partition, COMPACT_BYTES batch]]
//   response  topics [name, partitions [i32 partition, i16 error, i64 base offset, i64 log append time, i64 log start,
//             record errors [i32 index, message], message]], i32 throttle
//
// Version 12 adds the partition to the open transaction by itself (KIP-890); version 9 needs AddPartitionsToTxn before.

import { createAPI, Writer, type Reader } from '@platformatic/kafka';
import type { Ask } from './cluster';
import { KAFKA_ERROR, throwOn } from './errors';

export interface ProducedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly batch: Buffer;
}

export interface ProduceAnswer {
  readonly baseOffset: number;
  /** When the log stored it; -1 on a topic that keeps the producer's time. */
  readonly logAppendTimeMs: number;
}

export interface ProduceOptions {
  /** Undefined outside of transactions. */
  readonly transactionalId: string | undefined;
  readonly version: ProduceVersion;
  readonly timeoutMs: number;
}

export type ProduceVersion = 9 | 12;

const ACKS_ALL = -1;
const APIS = { 9: produceApi(9), 12: produceApi(12) };

/** Sends batches, at most one of a partition. Rejects when one of them is refused. */
export function produce(batches: readonly ProducedBatch[], options: ProduceOptions): Ask<readonly ProduceAnswer[]> {
  return (connection) => APIS[options.version].async(connection, batches, options);
}

function produceApi(version: ProduceVersion) {
  return createAPI<[batches: readonly ProducedBatch[], options: ProduceOptions], readonly ProduceAnswer[]>(
    0,
    version,
    (batches: readonly ProducedBatch[], { transactionalId, timeoutMs }: ProduceOptions) =>
      Writer.create()
        .appendString(transactionalId ?? null)
        .appendInt16(ACKS_ALL)
        .appendInt32(timeoutMs)
        .appendArray([...Map.groupBy(batches, ({ topic }) => topic)], (writer, [topic, ofTopic]) => {
          writer.appendString(topic).appendArray(ofTopic, (inner, { partition, batch }) => {
            inner.appendInt32(partition).appendBytes(batch);
          });
        })
        .appendTaggedFields(),
    (_correlationId, _apiKey, _apiVersion, reader) => readAnswers(reader),
  );
}

function readAnswers(reader: Reader): ProduceAnswer[] {
  return reader
    .readArray((topics) => {
      const topic = topics.readString();
      return topics.readArray((partitions) => {
        const partition = partitions.readInt32();
        const code = partitions.readInt16();
        const baseOffset = Number(partitions.readInt64());
        const logAppendTimeMs = Number(partitions.readInt64());
        partitions.readInt64(); // where the log starts
        partitions.readArray((errors) => [errors.readInt32(), errors.readNullableString()]);
        partitions.readNullableString();
        const hint = code === KAFKA_ERROR.MESSAGE_TOO_LARGE ? ': raise its max.message.bytes' : '';
        throwOn(code, `a batch for ${topic}/${partition} was refused${hint}`);
        return { baseOffset, logAppendTimeMs };
      });
    })
    .flat();
}
