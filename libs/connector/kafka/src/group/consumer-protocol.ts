// What members of a classic consumer group tell each other through the coordinator.
//
//   subscription (v2)  int16 version, [string topic], bytes? user data, [string topic, [int32 partition]] owned,
//                      int32 generation
//   assignment (v0)    int16 version, [string topic, [int32 partition]], bytes? user data
//
// An array is an int32 count and its elements; a string an int16 length and UTF-8; bytes an int32 length, -1 for none.
// Source: ConsumerProtocolSubscription and ConsumerProtocolAssignment of Apache Kafka; KIP-429 and KIP-792.

import { PulsesError } from '@pulses/shared-errors';

/** What one member wants, and what it owns. */
export interface Subscription {
  readonly topic: string;
  readonly owned: readonly number[];
  readonly generation: number;
}

const SUBSCRIPTION_VERSION = 2;
const ASSIGNMENT_VERSION = 0;
const NO_BYTES = -1;

export function encodeSubscription({ topic, owned, generation }: Subscription): Buffer {
  return Buffer.concat([
    int16(SUBSCRIPTION_VERSION),
    int32(1),
    string(topic),
    int32(NO_BYTES),
    topicPartitions(topic, owned),
    int32(generation),
  ]);
}

/** A subscription of any version; fields that it lacks are empty. @throws PulsesError PROTOCOL_VIOLATION */
export function decodeSubscription(bytes: Buffer): Subscription {
  return decode(bytes, (reader) => {
    const version = reader.int16();
    // Our members read one topic each.
    const [topic = ''] = reader.array(() => reader.string());
    reader.skipBytes();
    const owned = version >= 1 ? partitionsOf(reader, topic) : [];
    return { topic, owned, generation: version >= SUBSCRIPTION_VERSION ? reader.int32() : -1 };
  });
}

export function encodeAssignment(topic: string, partitions: readonly number[]): Buffer {
  return Buffer.concat([int16(ASSIGNMENT_VERSION), topicPartitions(topic, partitions), int32(NO_BYTES)]);
}

/** The partitions of `topic`; none for no bytes at all. @throws PulsesError PROTOCOL_VIOLATION */
export function decodeAssignment(bytes: Buffer, topic: string): readonly number[] {
  if (bytes.length === 0) return [];
  return decode(bytes, (reader) => {
    reader.int16();
    return partitionsOf(reader, topic);
  });
}

function partitionsOf(reader: FieldReader, topic: string): number[] {
  const topics = reader.array(() => ({ name: reader.string(), partitions: reader.array(() => reader.int32()) }));
  return topics.flatMap(({ name, partitions }) => (name === topic ? partitions : []));
}

function topicPartitions(topic: string, partitions: readonly number[]): Buffer {
  if (partitions.length === 0) return int32(0);
  return Buffer.concat([int32(1), string(topic), int32(partitions.length), ...partitions.map(int32)]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([int16(bytes.length), bytes]);
}

function decode<Value>(bytes: Buffer, read: (reader: FieldReader) => Value): Value {
  try {
    return read(new FieldReader(bytes));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new PulsesError('PROTOCOL_VIOLATION', 'a member of the group has sent bytes that can not be read', {
      cause: error,
    });
  }
}

/** Reads fields in order. @throws RangeError beyond the end */
class FieldReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#skip(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#skip(4));
  }

  string(): string {
    const length = this.int16();
    const start = this.#skip(length);
    return this.#bytes.toString('utf8', start, start + length);
  }

  skipBytes(): void {
    this.#skip(Math.max(this.int32(), 0));
  }

  array<Element>(element: () => Element): Element[] {
    const count = this.int32();
    // No element is shorter than two bytes.
    if (count > (this.#bytes.length - this.#at) / 2) throw new RangeError('an array beyond the end');
    return Array.from({ length: Math.max(count, 0) }, element);
  }

  #skip(length: number): number {
    const start = this.#at;
    if (length < 0 || start + length > this.#bytes.length) throw new RangeError('a field beyond the end');
    this.#at += length;
    return start;
  }
}
