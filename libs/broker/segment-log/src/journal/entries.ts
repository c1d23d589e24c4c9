// What a frame holds beside its rows: everything that is rare.
//
// Grammar, each after its kind in one byte (text = length u16 · UTF-8):
//   1 topics-created    firstId u32 · count u32 · count × text          ids from firstId on; before the rows
//   2 produced          producer 16 bytes · epoch u32 · sequence u64    the stamp of the frame's one row
//   3 positions-set     group text · topicId u32 · count u16 · count × (name text · offset u64 · revision u64 · metadata text)
//   4 topics-deleted    count u32 · count × topicId u32
//   5 group-epoch-set   group text · epoch u32
//   6 producer-retired  producer 16 bytes · epoch u32
//   7 topics-trimmed    count u32 · count × (topicId u32 · startOffset u64 · bytesRemoved u64 · firstTimestampMs u64)
//   8 outputs-claimed   topicId u32 · group text
//   9 group-deleted     group text
//  10 group-expired     group text
//  11 runs-sealed       firstLsn u64 · lastLsn u64 · count u8 · count × (kind u8 · bytes u64)
//  12 runs-dropped      count u32 · count × (kind u8 · firstLsn u64)
//  13 position-deleted  group text · topicId u32 · name text
//  14 producers-expired count u32 · count × producer 16 bytes
//
// Guarantees: what `writeEntry` writes, `readEntry` gives back; anything else throws FieldError.

import type { ProducerStamp } from '@pulses/broker-wire';
import { FieldError, type FieldReader, type FieldWriter } from '@pulses/shared-binary';

export interface PositionSet {
  readonly name: string;
  readonly offset: number;
  readonly revision: number;
  readonly metadata: string;
}

/** Retention: the messages of a topic before `startOffset` are no longer kept. */
export interface TopicTrim {
  readonly topicId: number;
  readonly startOffset: number;
  /** Bytes of the messages that are no longer kept. */
  readonly bytesRemoved: number;
  /** Timestamp of the first message still kept; 0 when none is. */
  readonly firstTimestampMs: number;
}

/** A run among those of its log. */
export interface RunKey {
  readonly kind: number;
  readonly firstLsn: number;
}

export type Entry =
  | { readonly kind: 'topics-created'; readonly firstId: number; readonly names: readonly string[] }
  | { readonly kind: 'produced'; readonly stamp: ProducerStamp }
  | {
      readonly kind: 'positions-set';
      readonly group: string;
      readonly topicId: number;
      readonly positions: readonly PositionSet[];
    }
  | { readonly kind: 'topics-deleted'; readonly topicIds: readonly number[] }
  | { readonly kind: 'group-epoch-set'; readonly group: string; readonly epoch: number }
  | { readonly kind: 'producer-retired'; readonly id: string; readonly epoch: number }
  | { readonly kind: 'topics-trimmed'; readonly trims: readonly TopicTrim[] }
  | { readonly kind: 'outputs-claimed'; readonly topicId: number; readonly group: string }
  | { readonly kind: 'group-deleted'; readonly group: string }
  | { readonly kind: 'group-expired'; readonly group: string }
  | {
      /** The messages of these frames are in runs, those of each kind of topics in one. */
      readonly kind: 'runs-sealed';
      readonly firstLsn: number;
      readonly lastLsn: number;
      readonly runs: readonly { readonly kind: number; readonly bytes: number }[];
    }
  | { readonly kind: 'runs-dropped'; readonly runs: readonly RunKey[] }
  | {
      readonly kind: 'position-deleted';
      readonly group: string;
      readonly topicId: number;
      readonly name: string;
    }
  /** Producers that were not used for long, and are forgotten. */
  | { readonly kind: 'producers-expired'; readonly ids: readonly string[] };

const KINDS: readonly Entry['kind'][] = [
  'topics-created',
  'produced',
  'positions-set',
  'topics-deleted',
  'group-epoch-set',
  'producer-retired',
  'topics-trimmed',
  'outputs-claimed',
  'group-deleted',
  'group-expired',
  'runs-sealed',
  'runs-dropped',
  'position-deleted',
  'producers-expired',
];

/** @throws RangeError when the writer's memory ends */
export function writeEntry(to: FieldWriter, entry: Entry): void {
  to.u8(KINDS.indexOf(entry.kind) + 1);
  switch (entry.kind) {
    case 'topics-created':
      to.u32(entry.firstId);
      to.u32(entry.names.length);
      for (const name of entry.names) to.str(name);
      break;
    case 'produced':
      to.id(entry.stamp.id);
      to.u32(entry.stamp.epoch);
      to.u64(entry.stamp.sequence);
      break;
    case 'positions-set':
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
    case 'topics-deleted':
      to.u32(entry.topicIds.length);
      for (const topicId of entry.topicIds) to.u32(topicId);
      break;
    case 'group-epoch-set':
      to.str(entry.group);
      to.u32(entry.epoch);
      break;
    case 'producer-retired':
      to.id(entry.id);
      to.u32(entry.epoch);
      break;
    case 'topics-trimmed':
      to.u32(entry.trims.length);
      for (const trim of entry.trims) {
        to.u32(trim.topicId);
        to.u64(trim.startOffset);
        to.u64(trim.bytesRemoved);
        to.u64(trim.firstTimestampMs);
      }
      break;
    case 'outputs-claimed':
      to.u32(entry.topicId);
      to.str(entry.group);
      break;
    case 'group-deleted':
    case 'group-expired':
      to.str(entry.group);
      break;
    case 'runs-sealed':
      to.u64(entry.firstLsn);
      to.u64(entry.lastLsn);
      to.u8(entry.runs.length);
      for (const run of entry.runs) {
        to.u8(run.kind);
        to.u64(run.bytes);
      }
      break;
    case 'runs-dropped':
      to.u32(entry.runs.length);
      for (const run of entry.runs) {
        to.u8(run.kind);
        to.u64(run.firstLsn);
      }
      break;
    case 'position-deleted':
      to.str(entry.group);
      to.u32(entry.topicId);
      to.str(entry.name);
      break;
    case 'producers-expired':
      to.u32(entry.ids.length);
      for (const id of entry.ids) to.id(id);
      break;
  }
}

/** @throws FieldError */
export function readEntry(from: FieldReader): Entry {
  const number = from.u8();
  const kind = KINDS[number - 1];
  if (kind === undefined) throw new FieldError(`unknown kind of entry ${number}`);
  switch (kind) {
    case 'topics-created':
      return { kind, firstId: from.u32(), names: list(from.count(2), () => from.str()) };
    case 'produced': {
      const id = from.id();
      const epoch = from.u32();
      return { kind, stamp: { id, epoch, sequence: from.u64() } };
    }
    case 'positions-set': {
      const group = from.str();
      const topicId = from.u32();
      return { kind, group, topicId, positions: list(from.u16(), () => readPosition(from)) };
    }
    case 'topics-deleted':
      return { kind, topicIds: list(from.count(4), () => from.u32()) };
    case 'group-epoch-set': {
      const group = from.str();
      return { kind, group, epoch: from.u32() };
    }
    case 'producer-retired': {
      const id = from.id();
      return { kind, id, epoch: from.u32() };
    }
    case 'topics-trimmed':
      return { kind, trims: list(from.count(28), () => readTrim(from)) };
    case 'outputs-claimed': {
      const topicId = from.u32();
      return { kind, topicId, group: from.str() };
    }
    case 'group-deleted':
    case 'group-expired':
      return { kind, group: from.str() };
    case 'runs-sealed': {
      const firstLsn = from.u64();
      const lastLsn = from.u64();
      const runs = list(from.u8(), () => {
        const of = from.u8();
        return { kind: of, bytes: from.u64() };
      });
      return { kind, firstLsn, lastLsn, runs };
    }
    case 'runs-dropped':
      return { kind, runs: list(from.count(9), () => readRunKey(from)) };
    case 'position-deleted': {
      const group = from.str();
      const topicId = from.u32();
      return { kind, group, topicId, name: from.str() };
    }
    case 'producers-expired':
      return { kind, ids: list(from.count(16), () => from.id()) };
  }
}

function list<T>(count: number, read: () => T): T[] {
  return Array.from({ length: count }, read);
}

function readPosition(from: FieldReader): PositionSet {
  const name = from.str();
  const offset = from.u64();
  const revision = from.u64();
  return { name, offset, revision, metadata: from.str() };
}

function readTrim(from: FieldReader): TopicTrim {
  const topicId = from.u32();
  const startOffset = from.u64();
  const bytesRemoved = from.u64();
  return { topicId, startOffset, bytesRemoved, firstTimestampMs: from.u64() };
}

function readRunKey(from: FieldReader): RunKey {
  const kind = from.u8();
  return { kind, firstLsn: from.u64() };
}
