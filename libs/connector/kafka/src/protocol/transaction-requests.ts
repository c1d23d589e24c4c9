// The requests of a transaction (KIP-98), in the versions of KIP-890 and before.
//
//   TxnOffsetCommit  (3 to 5) COMPACT_STRING transactional id, group, i64 producer, i16 epoch, i32 generation,
//                    COMPACT_STRING member, COMPACT_NULLABLE_STRING instance, topics [name, partitions [i32 partition,
//                    i64 offset, i32 leader epoch, COMPACT_NULLABLE_STRING metadata]]
//                    response: i32 throttle, topics [name, partitions [i32 partition, i16 error]]
//   EndTxn           (3 and 5) COMPACT_STRING transactional id, i64 producer, i16 epoch, BOOLEAN committed
//                    response: i32 throttle, i16 error; from 5 on also i64 producer, i16 epoch of the next transaction

import {
  addOffsetsToTxnV3,
  addPartitionsToTxnV3,
  createAPI,
  endTxnV3,
  initProducerIdV4,
  Writer,
  type Reader,
} from '@platformatic/kafka';
import type { Ask } from './cluster';
import { throwOn } from './errors';

/** Level of the feature `transaction.version`. From 2 on each transaction has an epoch of its own (KIP-890). */
export type TransactionVersion = 1 | 2;

/** Whose transaction it is. */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly epoch: number;
}

export interface CommittedOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly metadata: string;
}

export interface OffsetsOfGroup {
  readonly group: string;
  readonly offsets: readonly CommittedOffset[];
}

/** Who commits; the coordinator refuses it when the group has moved on. */
export interface CommittingMember {
  readonly memberId: string;
  readonly generation: number;
}

/** For a group without members. */
export const NO_MEMBER: CommittingMember = { memberId: '', generation: -1 };

type OffsetsArguments = [
  transactionalId: string,
  producer: ProducerIdentity,
  offsets: OffsetsOfGroup,
  member: CommittingMember,
];

/** Fences every earlier holder of the id, and ends its open transaction. */
export function initProducerId(transactionalId: string, timeoutMs: number): Ask<ProducerIdentity> {
  return async (connection) => {
    // -1: not the continuation of an identity that we hold.
    const answer = await initProducerIdV4.api.async(connection, transactionalId, timeoutMs, -1n, -1);
    return { producerId: answer.producerId, epoch: answer.producerEpoch };
  };
}

/** Before the first batch of a partition in a transaction of version 1. */
export function addPartitions(
  transactionalId: string,
  { producerId, epoch }: ProducerIdentity,
  partitions: readonly { readonly topic: string; readonly partition: number }[],
): Ask<unknown> {
  const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, ofTopic]) => ({
    name,
    partitions: ofTopic.map(({ partition }) => partition),
  }));
  const transaction = { transactionalId, producerId, producerEpoch: epoch, verifyOnly: false, topics };
  return (connection) => addPartitionsToTxnV3.api.async(connection, [transaction]);
}

/** Before the first offsets of a group in a transaction of version 1. */
export function addOffsets(
  transactionalId: string,
  { producerId, epoch }: ProducerIdentity,
  group: string,
): Ask<unknown> {
  return (connection) => addOffsetsToTxnV3.api.async(connection, transactionalId, producerId, epoch, group);
}

export function commitOffsets(
  version: TransactionVersion,
  transactionalId: string,
  producer: ProducerIdentity,
  offsets: OffsetsOfGroup,
  member: CommittingMember,
): Ask<void> {
  const api = OFFSET_APIS[version];
  return (connection) => api.async(connection, transactionalId, producer, offsets, member);
}

/** Answers the identity of the next transaction. */
export function endTransaction(
  version: TransactionVersion,
  transactionalId: string,
  producer: ProducerIdentity,
  isCommit: boolean,
): Ask<ProducerIdentity> {
  const { producerId, epoch } = producer;
  if (version === 2) return (connection) => endTxnApi.async(connection, transactionalId, producer, isCommit);
  return async (connection) => {
    await endTxnV3.api.async(connection, transactionalId, producerId, epoch, isCommit);
    return producer;
  };
}

const OFFSET_APIS = { 1: offsetsApi(3), 2: offsetsApi(5) };

function offsetsApi(version: number) {
  return createAPI<OffsetsArguments, undefined>(
    28,
    version,
    (...[transactionalId, { producerId, epoch }, { group, offsets }, { generation, memberId }]: OffsetsArguments) =>
      Writer.create()
        .appendString(transactionalId)
        .appendString(group)
        .appendInt64(producerId)
        .appendInt16(epoch)
        .appendInt32(generation)
        .appendString(memberId)
        .appendString(null)
        .appendArray([...Map.groupBy(offsets, ({ topic }) => topic)], (topics, [topic, ofTopic]) => {
          topics.appendString(topic).appendArray(ofTopic, (partitions, { partition, offset, metadata }) => {
            partitions.appendInt32(partition).appendInt64(BigInt(offset)).appendInt32(-1).appendString(metadata);
          });
        })
        .appendTaggedFields(),
    (_correlationId, _apiKey, _apiVersion, reader) => {
      checkOffsets(reader);
      return undefined;
    },
  );
}

function checkOffsets(reader: Reader): void {
  reader.readInt32();
  reader.readArray((topics) => {
    const topic = topics.readString();
    topics.readArray((partitions) => {
      const partition = partitions.readInt32();
      throwOn(partitions.readInt16(), `the position on ${topic}/${partition} was refused`);
    });
  });
}

const endTxnApi = createAPI<[transactionalId: string, producer: ProducerIdentity, isCommit: boolean], ProducerIdentity>(
  26,
  5,
  (transactionalId: string, { producerId, epoch }: ProducerIdentity, isCommit: boolean) =>
    Writer.create()
      .appendString(transactionalId)
      .appendInt64(producerId)
      .appendInt16(epoch)
      .appendBoolean(isCommit)
      .appendTaggedFields(),
  (_correlationId, _apiKey, _apiVersion, reader) => {
    reader.readInt32();
    const code = reader.readInt16();
    throwOn(code, 'the end of the transaction was refused');
    return { producerId: reader.readInt64(), epoch: reader.readInt16() };
  },
);
