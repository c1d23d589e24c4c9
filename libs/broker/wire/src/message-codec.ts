// Messages as frame bodies. Above each pair of functions stands the grammar of the body; the fields are those of
// messages.ts, in this order. `list(x)` is a u32 count and that many x.
//
//   append   = topic:str recordCount:u32 payload:bytes
//   producer = id:id epoch:u32 sequence:u64

import { FieldWriter, type FieldReader } from '@pulses/shared-binary';
import { PulsesError } from '@pulses/shared-errors';
import { createBodyReader, violation } from './body';
import { FRAME_HEADER_BYTES, sealFrame, type Frame } from './frame';
import {
  GROUP_NAME_BYTES_MAX,
  LIST_TOPICS_LIMIT_MAX,
  METADATA_BYTES_MAX,
  POSITIONS_PER_COMMIT_MAX,
  TOPICS_PER_COMMIT_MAX,
} from './limits';
import type {
  PositionChange,
  RecordBatch,
  Request,
  RequestType,
  Response,
  ResponseType,
  StoredPosition,
  TopicAppend,
  TopicInfo,
} from './messages';
import { checkTopicName } from './payload';

const NO_INCARNATION = '0'.repeat(32);

interface Codec<Message> {
  readonly number: number;
  write(writer: FieldWriter, message: Message): void;
  read(reader: FieldReader): Message;
}

type Codecs<Message extends { readonly type: string }> = {
  readonly [Type in Message['type']]: Codec<Extract<Message, { readonly type: Type }>>;
};

const topicOf = (reader: FieldReader): string => {
  const topic = reader.str();
  checkTopicName(topic);
  return topic;
};

const groupOf = (reader: FieldReader): string => {
  const group = reader.str();
  if (group === '' || Buffer.byteLength(group) > GROUP_NAME_BYTES_MAX)
    throw violation('a group name is empty or too long');
  return group;
};

const listOf = <Item>(reader: FieldReader, itemBytesMin: number, max: number, read: () => Item): Item[] => {
  const count = reader.count(itemBytesMin);
  if (count > max) throw violation(`a list of ${count}; at most ${max} are allowed`);
  const items: Item[] = [];
  for (let index = 0; index < count; index += 1) items.push(read());
  return items;
};

const writeList = <Item>(writer: FieldWriter, items: readonly Item[], write: (item: Item) => void) => {
  writer.u32(items.length);
  for (const item of items) write(item);
};

const APPEND_BYTES_MIN = 10;
const writeAppend = (writer: FieldWriter, { topic, recordCount, payload }: TopicAppend) => {
  writer.str(topic);
  writer.u32(recordCount);
  writer.bytes(payload);
};
const readAppend = (reader: FieldReader): TopicAppend => ({
  topic: topicOf(reader),
  recordCount: reader.u32(),
  payload: reader.bytes(),
});

const metadataOf = (reader: FieldReader): string => {
  const metadata = reader.str();
  if (Buffer.byteLength(metadata) > METADATA_BYTES_MAX) throw violation('metadata is too long');
  return metadata;
};

const EMPTY = { write: () => undefined };

const REQUESTS: Codecs<Request> = {
  // protocolVersion:u16 client:str token:str
  hello: {
    number: 1,
    write: (writer, { protocolVersion, client, token }) => {
      writer.u16(protocolVersion);
      writer.str(client);
      writer.str(token);
    },
    read: (reader) => ({
      type: 'hello',
      protocolVersion: reader.u16(),
      client: reader.str(),
      token: reader.str(),
    }),
  },
  // producer append
  produce: {
    number: 2,
    write: (writer, { producer, ...append }) => {
      writer.id(producer.id);
      writer.u32(producer.epoch);
      writer.u64(producer.sequence);
      writeAppend(writer, append);
    },
    read: (reader) => ({
      type: 'produce',
      producer: { id: reader.id(), epoch: reader.u32(), sequence: reader.u64() },
      ...readAppend(reader),
    }),
  },
  // id:id epoch:u32
  'retire-producer': {
    number: 3,
    write: (writer, { id, epoch }) => {
      writer.id(id);
      writer.u32(epoch);
    },
    read: (reader) => ({ type: 'retire-producer', id: reader.id(), epoch: reader.u32() }),
  },
  // topic:str incarnation:id (all zero accepts any) fromOffset:u64 creditBytes:u32
  fetch: {
    number: 4,
    write: (writer, { topic, incarnation, fromOffset, creditBytes }) => {
      writer.str(topic);
      writer.id(incarnation === '' ? NO_INCARNATION : incarnation);
      writer.u64(fromOffset);
      writer.u32(creditBytes);
    },
    read: (reader) => {
      const topic = topicOf(reader);
      const incarnation = reader.id();
      return {
        type: 'fetch',
        topic,
        incarnation: incarnation === NO_INCARNATION ? '' : incarnation,
        fromOffset: reader.u64(),
        creditBytes: reader.u32(),
      };
    },
  },
  // bytes:u32
  credit: {
    number: 5,
    write: (writer, { bytes }) => {
      writer.u32(bytes);
    },
    read: (reader) => ({ type: 'credit', bytes: reader.u32() }),
  },
  'stop-fetch': { number: 6, ...EMPTY, read: () => ({ type: 'stop-fetch' }) },
  // group:str groupEpoch:u64 topic:str incarnation:id
  // list(name:str expectedRevision:u64 offset:u64 metadata:str) list(append)
  commit: {
    number: 7,
    write: (writer, { group, groupEpoch, topic, incarnation, positions, appends }) => {
      writer.str(group);
      writer.u64(groupEpoch);
      writer.str(topic);
      writer.id(incarnation);
      writeList(writer, positions, ({ name, expectedRevision, offset, metadata }) => {
        writer.str(name);
        writer.u64(expectedRevision);
        writer.u64(offset);
        writer.str(metadata);
      });
      writeList(writer, appends, (append) => {
        writeAppend(writer, append);
      });
    },
    read: (reader) => ({
      type: 'commit',
      group: groupOf(reader),
      groupEpoch: reader.u64(),
      topic: topicOf(reader),
      incarnation: reader.id(),
      positions: listOf(reader, 20, POSITIONS_PER_COMMIT_MAX, (): PositionChange => ({
        name: reader.str(),
        expectedRevision: reader.u64(),
        offset: reader.u64(),
        metadata: metadataOf(reader),
      })),
      appends: listOf(reader, APPEND_BYTES_MIN, TOPICS_PER_COMMIT_MAX, () => readAppend(reader)),
    }),
  },
  // group:str topic:str
  'read-positions': {
    number: 8,
    write: (writer, { group, topic }) => {
      writer.str(group);
      writer.str(topic);
    },
    read: (reader) => ({ type: 'read-positions', group: reader.str(), topic: reader.str() }),
  },
  // prefix:str after:str limit:u32
  'list-topics': {
    number: 9,
    write: (writer, { prefix, after, limit }) => {
      writer.str(prefix);
      writer.str(after);
      writer.u32(limit);
    },
    read: (reader) => {
      const [prefix, after, limit] = [reader.str(), reader.str(), reader.u32()];
      if (limit === 0 || limit > LIST_TOPICS_LIMIT_MAX) throw violation(`a limit of ${limit} topics`);
      return { type: 'list-topics', prefix, after, limit };
    },
  },
  // topic:str
  'create-topic': {
    number: 10,
    write: (writer, { topic }) => {
      writer.str(topic);
    },
    read: (reader) => ({ type: 'create-topic', topic: topicOf(reader) }),
  },
  // list(topic:str)
  'delete-topics': {
    number: 11,
    write: (writer, { topics }) => {
      writeList(writer, topics, (topic) => {
        writer.str(topic);
      });
    },
    read: (reader) => ({
      type: 'delete-topics',
      topics: listOf(reader, 2, TOPICS_PER_COMMIT_MAX, () => topicOf(reader)),
    }),
  },
  // group:str member:str leaseMs:u32
  'join-group': {
    number: 12,
    write: (writer, { group, member, leaseMs }) => {
      writer.str(group);
      writer.str(member);
      writer.u32(leaseMs);
    },
    read: (reader) => ({ type: 'join-group', group: groupOf(reader), member: reader.str(), leaseMs: reader.u32() }),
  },
  // group:str groupEpoch:u64
  heartbeat: {
    number: 13,
    write: (writer, { group, groupEpoch }) => {
      writer.str(group);
      writer.u64(groupEpoch);
    },
    read: (reader) => ({ type: 'heartbeat', group: groupOf(reader), groupEpoch: reader.u64() }),
  },
  // group:str groupEpoch:u64
  'leave-group': {
    number: 14,
    write: (writer, { group, groupEpoch }) => {
      writer.str(group);
      writer.u64(groupEpoch);
    },
    read: (reader) => ({ type: 'leave-group', group: groupOf(reader), groupEpoch: reader.u64() }),
  },
  ping: { number: 15, ...EMPTY, read: () => ({ type: 'ping' }) },
};

const TOPIC_INFO_BYTES_MIN = 58;
const writeTopicInfo = (writer: FieldWriter, info: TopicInfo) => {
  writer.str(info.topic);
  writer.id(info.incarnation);
  writer.u64(info.startOffset);
  writer.u64(info.nextOffset);
  writer.u64(info.bytes);
  writer.u64(info.firstTimestampMs);
  writer.u64(info.lastTimestampMs);
};
const readTopicInfo = (reader: FieldReader): TopicInfo => ({
  topic: reader.str(),
  incarnation: reader.id(),
  startOffset: reader.u64(),
  nextOffset: reader.u64(),
  bytes: reader.u64(),
  firstTimestampMs: reader.u64(),
  lastTimestampMs: reader.u64(),
});

const RESPONSES: Codecs<Response> = {
  // protocolVersion:u16 server:str frameBytesMax:u32 messageBytesMax:u32
  'hello-ok': {
    number: 129,
    write: (writer, { protocolVersion, server, frameBytesMax, messageBytesMax }) => {
      writer.u16(protocolVersion);
      writer.str(server);
      writer.u32(frameBytesMax);
      writer.u32(messageBytesMax);
    },
    read: (reader) => ({
      type: 'hello-ok',
      protocolVersion: reader.u16(),
      server: reader.str(),
      frameBytesMax: reader.u32(),
      messageBytesMax: reader.u32(),
    }),
  },
  // baseOffset:u64 timestampMs:u64 duplicate:u8 (0 or 1)
  produced: {
    number: 130,
    write: (writer, { baseOffset, timestampMs, duplicate }) => {
      writer.u64(baseOffset);
      writer.u64(timestampMs);
      writer.u8(duplicate ? 1 : 0);
    },
    read: (reader) => ({
      type: 'produced',
      baseOffset: reader.u64(),
      timestampMs: reader.u64(),
      duplicate: flagOf(reader),
    }),
  },
  // incarnation:id startOffset:u64 nextOffset:u64
  'fetch-started': {
    number: 131,
    write: (writer, { incarnation, startOffset, nextOffset }) => {
      writer.id(incarnation);
      writer.u64(startOffset);
      writer.u64(nextOffset);
    },
    read: (reader) => ({
      type: 'fetch-started',
      incarnation: reader.id(),
      startOffset: reader.u64(),
      nextOffset: reader.u64(),
    }),
  },
  // list(baseOffset:u64 recordCount:u32 timestampMs:u64 payload:bytes)
  records: {
    number: 132,
    write: (writer, { batches }) => {
      writeList(writer, batches, ({ baseOffset, recordCount, timestampMs, payload }) => {
        writer.u64(baseOffset);
        writer.u32(recordCount);
        writer.u64(timestampMs);
        writer.bytes(payload);
      });
    },
    read: (reader) => ({
      type: 'records',
      batches: listOf(reader, 24, Infinity, (): RecordBatch => ({
        baseOffset: reader.u64(),
        recordCount: reader.u32(),
        timestampMs: reader.u64(),
        payload: reader.bytes(),
      })),
    }),
  },
  // nextOffset:u64 clockMs:u64
  head: {
    number: 133,
    write: (writer, { nextOffset, clockMs }) => {
      writer.u64(nextOffset);
      writer.u64(clockMs);
    },
    read: (reader) => ({ type: 'head', nextOffset: reader.u64(), clockMs: reader.u64() }),
  },
  // timestampMs:u64
  committed: {
    number: 134,
    write: (writer, { timestampMs }) => {
      writer.u64(timestampMs);
    },
    read: (reader) => ({ type: 'committed', timestampMs: reader.u64() }),
  },
  // list(group:str topic:str incarnation:id name:str offset:u64 revision:u64 metadata:str)
  positions: {
    number: 135,
    write: (writer, { positions }) => {
      writeList(writer, positions, (position) => {
        writer.str(position.group);
        writer.str(position.topic);
        writer.id(position.incarnation);
        writer.str(position.name);
        writer.u64(position.offset);
        writer.u64(position.revision);
        writer.str(position.metadata);
      });
    },
    read: (reader) => ({
      type: 'positions',
      positions: listOf(reader, 40, Infinity, (): StoredPosition => ({
        group: reader.str(),
        topic: reader.str(),
        incarnation: reader.id(),
        name: reader.str(),
        offset: reader.u64(),
        revision: reader.u64(),
        metadata: reader.str(),
      })),
    }),
  },
  // list(topicInfo) more:u8, topicInfo = topic:str incarnation:id startOffset:u64 nextOffset:u64 bytes:u64
  // firstTimestampMs:u64 lastTimestampMs:u64
  topics: {
    number: 136,
    write: (writer, { topics, more }) => {
      writeList(writer, topics, (info) => {
        writeTopicInfo(writer, info);
      });
      writer.u8(more ? 1 : 0);
    },
    read: (reader) => ({
      type: 'topics',
      topics: listOf(reader, TOPIC_INFO_BYTES_MIN, LIST_TOPICS_LIMIT_MAX, () => readTopicInfo(reader)),
      more: flagOf(reader),
    }),
  },
  // topicInfo
  topic: {
    number: 137,
    write: (writer, { topic }) => {
      writeTopicInfo(writer, topic);
    },
    read: (reader) => ({ type: 'topic', topic: readTopicInfo(reader) }),
  },
  // groupEpoch:u64
  'group-joined': {
    number: 138,
    write: (writer, { groupEpoch }) => {
      writer.u64(groupEpoch);
    },
    read: (reader) => ({ type: 'group-joined', groupEpoch: reader.u64() }),
  },
  done: { number: 139, ...EMPTY, read: () => ({ type: 'done' }) },
  // clockMs:u64
  pong: {
    number: 140,
    write: (writer, { clockMs }) => {
      writer.u64(clockMs);
    },
    read: (reader) => ({ type: 'pong', clockMs: reader.u64() }),
  },
  // code:str message:str
  error: {
    number: 141,
    write: (writer, { code, message }) => {
      writer.str(code);
      writer.str(message);
    },
    read: (reader) => ({ type: 'error', code: reader.str(), message: reader.str() }),
  },
};

function flagOf(reader: FieldReader): boolean {
  const value = reader.u8();
  if (value > 1) throw violation(`a flag of ${value}`);
  return value === 1;
}

const byNumber = <Type extends string>(codecs: Readonly<Record<Type, { readonly number: number }>>) =>
  new Map<number, Type>((Object.keys(codecs) as Type[]).map((type) => [codecs[type].number, type]));

const REQUEST_TYPES = byNumber<RequestType>(REQUESTS);
const RESPONSE_TYPES = byNumber<ResponseType>(RESPONSES);

function encode<Message>(codec: Codec<Message>, correlation: number, message: Message): Uint8Array[] {
  const writer = FieldWriter.growing(FRAME_HEADER_BYTES);
  codec.write(writer, message);
  return sealFrame(codec.number, correlation, writer.parts());
}

function decode<Message>(codec: Codec<Message>, frame: Frame): Message {
  const reader = createBodyReader(frame.body);
  const message = codec.read(reader);
  reader.expectEnd();
  return message;
}

/**
 * A request as a frame, in parts to be written back to back; payloads are not copied unless they are small.
 * @throws PulsesError MESSAGE_TOO_LARGE
 */
export function encodeRequest(correlation: number, request: Request): Uint8Array[] {
  // The codec is the one of this very type; the compiler can't follow a table of them.
  return encode(REQUESTS[request.type] as Codec<Request>, correlation, request);
}

/** A response as a frame, like `encodeRequest`. */
export function encodeResponse(correlation: number, response: Response): Uint8Array[] {
  return encode(RESPONSES[response.type] as Codec<Response>, correlation, response);
}

/** Payloads are views into the frame. @throws PulsesError PROTOCOL_VIOLATION or TOPIC_INVALID */
export function decodeRequest(frame: Frame): Request {
  const type = REQUEST_TYPES.get(frame.type);
  if (type === undefined) throw violation(`no request has type ${frame.type}`);
  return decode(REQUESTS[type] as Codec<Request>, frame);
}

/** Like `decodeRequest`. */
export function decodeResponse(frame: Frame): Response {
  const type = RESPONSE_TYPES.get(frame.type);
  if (type === undefined) throw new PulsesError('PROTOCOL_VIOLATION', `no response has type ${frame.type}`);
  return decode(RESPONSES[type] as Codec<Response>, frame);
}
