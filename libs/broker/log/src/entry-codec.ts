// The entries of a frame as bytes. docs/formats/journal.md has what they mean.
//
// Grammar of the entries, each after its kind in one byte (text = length u16 · UTF-8):
//   1 topic-created     topicId u32 · incarnation 16 bytes · topic text
//   2 appended          topicId u32 · baseOffset u64 · recordCount u32 · length u32
//   3 produced          producer 16 bytes · epoch u32 · sequence u64 · the fields of `appended`
//   4 positions-set     group text · topicId u32 · count u16 · count × (name text · offset u64 · revision u64 · metadata text)
//   5 topics-deleted    count u32 · count × (topicId u32 · incarnation 16 bytes · topic text)
//   6 group-epoch-set   group text · epoch u32
//   7 producer-retired  producer 16 bytes · epoch u32
//   8 topic-trimmed     topicId u32 · startOffset u64 · bytesRemoved u64 · firstTimestampMs u64
//   9 outputs-claimed   topicId u32 · group text
//  10 group-deleted     group text
//  11 group-expired     group text
//  12 producers-expired count u32 · count × (producer 16 bytes)
//  13 position-deleted  group text · topicId u32 · name text
//
// Guarantees: `readEntry` gives back what was written; other bytes are a FieldError.

import { FieldError, type FieldReader, type FieldWriter } from '@pulses/shared-binary';
import type { Appended, DeletedTopic, Entry } from './entries';

const KIND = {
  'topic-created': 1,
  appended: 2,
  produced: 3,
  'positions-set': 4,
  'topics-deleted': 5,
  'group-epoch-set': 6,
  'producer-retired': 7,
  'topic-trimmed': 8,
  'outputs-claimed': 9,
  'group-deleted': 10,
  'group-expired': 11,
  'producers-expired': 12,
  'position-deleted': 13,
} as const;

export function sizeOfAppended({ producer }: Appended): number {
  return 1 + 20 + (producer === undefined ? 0 : 28);
}

export function writeAppended(to: FieldWriter, { producer, topicId, baseOffset, recordCount, length }: Appended): void {
  if (producer === undefined) {
    to.u8(KIND.appended);
  } else {
    to.u8(KIND.produced);
    to.id(producer.id);
    to.u32(producer.epoch);
    to.u64(producer.sequence);
  }
  to.u32(topicId);
  to.u64(baseOffset);
  to.u32(recordCount);
  to.u32(length);
}

/** The others; there are few of them. */
type OtherEntry = Exclude<Entry, Appended>;

export function sizeOfEntry(entry: OtherEntry): number {
  const text = (value: string): number => 2 + Buffer.byteLength(value);
  switch (entry.kind) {
    case 'topic-created':
      return 1 + 4 + 16 + text(entry.topic);
    case 'positions-set': {
      let size = 1 + text(entry.group) + 4 + 2;
      for (const position of entry.positions) size += text(position.name) + 16 + text(position.metadata);
      return size;
    }
    case 'position-deleted':
      return 1 + text(entry.group) + 4 + text(entry.name);
    case 'topics-deleted':
      return entry.topics.reduce((size, { topic }) => size + 20 + text(topic), 1 + 4);
    case 'group-epoch-set':
      return 1 + text(entry.group) + 4;
    case 'producer-retired':
      return 1 + 16 + 4;
    case 'producers-expired':
      return 1 + 4 + 16 * entry.ids.length;
    case 'topic-trimmed':
      return 1 + 4 + 24;
    case 'outputs-claimed':
      return 1 + 4 + text(entry.group);
    case 'group-deleted':
    case 'group-expired':
      return 1 + text(entry.group);
  }
}

export function writeEntry(to: FieldWriter, entry: OtherEntry): void {
  switch (entry.kind) {
    case 'topic-created':
      to.u8(KIND['topic-created']);
      to.u32(entry.topicId);
      to.id(entry.incarnation);
      to.str(entry.topic);
      break;
    case 'positions-set':
      to.u8(KIND['positions-set']);
      to.str(entry.group);
      to.u32(entry.topicId);
      to.u16(entry.positions.length);
      for (const position of entry.positions) {
        to.str(position.name);
        to.u64(position.offset);
        to.u64(position.revision);
        to.str(position.metadata);
      }
      break;
    case 'position-deleted':
      to.u8(KIND['position-deleted']);
      to.str(entry.group);
      to.u32(entry.topicId);
      to.str(entry.name);
      break;
    case 'topics-deleted':
      to.u8(KIND['topics-deleted']);
      to.u32(entry.topics.length);
      for (const { topicId, incarnation, topic } of entry.topics) {
        to.u32(topicId);
        to.id(incarnation);
        to.str(topic);
      }
      break;
    case 'group-epoch-set':
      to.u8(KIND['group-epoch-set']);
      to.str(entry.group);
      to.u32(entry.epoch);
      break;
    case 'producer-retired':
      to.u8(KIND['producer-retired']);
      to.id(entry.id);
      to.u32(entry.epoch);
      break;
    case 'producers-expired':
      to.u8(KIND['producers-expired']);
      to.u32(entry.ids.length);
      for (const id of entry.ids) to.id(id);
      break;
    case 'topic-trimmed':
      to.u8(KIND['topic-trimmed']);
      to.u32(entry.topicId);
      to.u64(entry.startOffset);
      to.u64(entry.bytesRemoved);
      to.u64(entry.firstTimestampMs);
      break;
    case 'outputs-claimed':
      to.u8(KIND['outputs-claimed']);
      to.u32(entry.topicId);
      to.str(entry.group);
      break;
    case 'group-deleted':
    case 'group-expired':
      to.u8(KIND[entry.kind]);
      to.str(entry.group);
      break;
  }
}

function readAppended(from: FieldReader, bytes: Uint8Array, start: number, producer: Appended['producer']): Appended {
  return {
    kind: 'appended',
    topicId: from.u32(),
    baseOffset: from.u64(),
    recordCount: from.u32(),
    length: from.u32(),
    bytes,
    start,
    producer,
  };
}

export function readEntry(from: FieldReader, bytes: Uint8Array, payloadAt: number): Entry {
  const kind = from.u8();
  switch (kind) {
    case KIND['topic-created']:
      return { kind: 'topic-created', ...readTopic(from) };
    case KIND.appended:
      return readAppended(from, bytes, payloadAt, undefined);
    case KIND.produced: {
      const id = from.id();
      const epoch = from.u32();
      const sequence = from.u64();
      return readAppended(from, bytes, payloadAt, { id, epoch, sequence });
    }
    case KIND['positions-set']: {
      const group = from.str();
      const topicId = from.u32();
      const positions = Array.from({ length: from.u16() }, () => {
        const name = from.str();
        const offset = from.u64();
        const revision = from.u64();
        return { name, offset, revision, metadata: from.str() };
      });
      return { kind: 'positions-set', group, topicId, positions };
    }
    case KIND['position-deleted']: {
      const group = from.str();
      const topicId = from.u32();
      return { kind: 'position-deleted', group, topicId, name: from.str() };
    }
    case KIND['topics-deleted']:
      return { kind: 'topics-deleted', topics: Array.from({ length: from.count(1) }, () => readTopic(from)) };
    case KIND['group-epoch-set']: {
      const group = from.str();
      return { kind: 'group-epoch-set', group, epoch: from.u32() };
    }
    case KIND['producer-retired']: {
      const id = from.id();
      return { kind: 'producer-retired', id, epoch: from.u32() };
    }
    case KIND['topic-trimmed']:
      return {
        kind: 'topic-trimmed',
        topicId: from.u32(),
        startOffset: from.u64(),
        bytesRemoved: from.u64(),
        firstTimestampMs: from.u64(),
      };
    case KIND['outputs-claimed']: {
      const topicId = from.u32();
      return { kind: 'outputs-claimed', topicId, group: from.str() };
    }
    case KIND['group-deleted']:
      return { kind: 'group-deleted', group: from.str() };
    case KIND['group-expired']:
      return { kind: 'group-expired', group: from.str() };
    case KIND['producers-expired']:
      return { kind: 'producers-expired', ids: Array.from({ length: from.count(16) }, () => from.id()) };
    default:
      throw new FieldError(`unknown kind of entry ${kind}`);
  }
}

function readTopic(from: FieldReader): DeletedTopic {
  const topicId = from.u32();
  const incarnation = from.id();
  return { topicId, topic: from.str(), incarnation };
}
