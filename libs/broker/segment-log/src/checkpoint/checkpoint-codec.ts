// A checkpoint as bytes: the state after one frame.
//
//   checkpoint = magic 8 bytes · version u32 · logId 12 bytes · seed u32 · lsn u64 · frameCrc u32 · lastTimestampMs u64
//                · epochFloor u32 · sealedLsn u64 · runs · producers · retired · groups · owners · topics · crc u32
//   runs       = count u32 · count × (kind u8 · firstLsn u64 · lastLsn u64 · bytes u64)
//   producers  = count u32 · count × (id 16 bytes · epoch u32 · nextSequence u64
//                · count u32 · count × (baseOffset u64 · timestampMs u64))     the results of the last sequences
//   retired    = count u32 · count × (id 16 bytes · epoch u32)
//   groups     = count u32 · count × (group text · epoch u32 · lastUsedMs u64
//                · count u32 · count × (topicId u32 · count u32 · count × (name text · offset u64 · revision u64 · metadata text)))
//   owners     = count u32 · count × (topicId u32 · group text)
//   topics     = see topic-columns.ts
//
// Guarantees: what `decodeCheckpoint` returns was encoded so; damaged bytes give undefined, never an exception.

import { PRODUCER_RESULTS_KEPT } from '@pulses/broker-wire';
import { FieldError, FieldReader, FieldWriter, viewOf } from '@pulses/shared-binary';
import { crc32 } from 'node:zlib';
import {
  createState,
  type GroupState,
  type LogState,
  type PositionState,
  type ProducerState,
} from '../commit/log-state';
import type { LogIdentity } from '../journal/segment-header';
import { bytesOfColumns, columnsOf, freeColumns, readColumns, writeColumns } from './topic-columns';

const MAGIC = new TextEncoder().encode('PULSCKP2');
const VERSION = 1;
/** What checkpoints of all releases begin with. */
const FAMILY = MAGIC.subarray(0, MAGIC.length - 1);

export interface Checkpoint {
  readonly identity: LogIdentity;
  readonly state: LogState;
  /** CRC of the frame `state.lsn`. */
  readonly frameCrc: number;
}

export function encodeCheckpoint({ identity, state, frameCrc }: Checkpoint): Uint8Array {
  const topics = columnsOf(state.topics);
  const bytes = Buffer.allocUnsafeSlow(sizeAtMost(state) + bytesOfColumns(topics));
  const to = FieldWriter.into(bytes);
  to.raw(MAGIC);
  to.u32(VERSION);
  to.raw(identity.logId);
  to.u32(identity.seed);
  to.u64(state.lsn);
  to.u32(frameCrc);
  to.u64(state.lastTimestampMs);
  to.u32(state.epochFloor);
  to.u64(state.sealedLsn);
  to.u32(state.runs.length);
  for (const run of state.runs) {
    to.u8(run.kind);
    to.u64(run.firstLsn);
    to.u64(run.lastLsn);
    to.u64(run.bytes);
  }
  to.u32(state.producers.size);
  for (const [id, producer] of state.producers) writeProducer(to, id, producer);
  to.u32(state.retiredProducers.size);
  for (const [id, epoch] of state.retiredProducers) {
    to.id(id);
    to.u32(epoch);
  }
  to.u32(state.groups.size);
  for (const [name, group] of state.groups) writeGroup(to, name, group);
  to.u32(state.owners.size);
  for (const [topicId, owner] of state.owners) {
    to.u32(topicId);
    to.str(owner);
  }
  writeColumns(to, topics);
  freeColumns(topics);
  const end = to.at;
  to.u32(crc32(bytes.subarray(0, end)));
  return bytes.subarray(0, to.at);
}

function writeProducer(to: FieldWriter, id: string, producer: ProducerState): void {
  const kept = Math.min(producer.nextSequence, PRODUCER_RESULTS_KEPT);
  to.id(id);
  to.u32(producer.epoch);
  to.u64(producer.nextSequence);
  to.u32(kept);
  for (let sequence = producer.nextSequence - kept; sequence < producer.nextSequence; sequence += 1) {
    const result = producer.results[sequence % PRODUCER_RESULTS_KEPT]!; // kept since then
    to.u64(result.baseOffset);
    to.u64(result.timestampMs);
  }
}

function writeGroup(to: FieldWriter, name: string, group: GroupState): void {
  to.str(name);
  to.u32(group.epoch);
  to.u64(group.lastUsedMs);
  to.u32(group.positions.size);
  for (const [topicId, positions] of group.positions) {
    to.u32(topicId);
    to.u32(positions.size);
    for (const [position, { offset, revision, metadata }] of positions) {
      to.str(position);
      to.u64(offset);
      to.u64(revision);
      to.str(metadata);
    }
  }
}

/** But for the topics. UTF-8 takes at most three bytes a UTF-16 unit. */
function sizeAtMost({ runs, producers, retiredProducers, groups, owners }: LogState): number {
  let size = 256 + 25 * runs.length + 20 * retiredProducers.size;
  for (const { nextSequence } of producers.values()) size += 32 + 16 * Math.min(nextSequence, PRODUCER_RESULTS_KEPT);
  for (const owner of owners.values()) size += 6 + 3 * owner.length;
  for (const [name, group] of groups) {
    size += 18 + 3 * name.length;
    for (const positions of group.positions.values()) {
      size += 8;
      for (const [position, { metadata }] of positions) size += 20 + 3 * (position.length + metadata.length);
    }
  }
  return size;
}

/** Format of a whole checkpoint that another release wrote; undefined for one of this release, and for damaged bytes. */
export function foreignFormatOf(bytes: Uint8Array): string | undefined {
  const end = bytes.length - 4;
  if (end < MAGIC.length + 4 || !FAMILY.every((byte, index) => bytes[index] === byte)) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(end, true) !== crc32(bytes.subarray(0, end))) return undefined;
  const magic = Buffer.from(bytes.subarray(0, MAGIC.length)).toString('latin1');
  const version = view.getUint32(MAGIC.length, true);
  const isOwn = version === VERSION && MAGIC.every((byte, index) => bytes[index] === byte);
  return isOwn ? undefined : `${magic}, version ${version}`;
}

/** Undefined when the bytes are not a whole valid checkpoint. */
export function decodeCheckpoint(bytes: Uint8Array, kindOf: (topic: string) => number): Checkpoint | undefined {
  const end = bytes.length - 4;
  if (end < MAGIC.length + 4 || !MAGIC.every((byte, index) => bytes[index] === byte)) return undefined;
  if (viewOf(bytes).getUint32(end, true) !== crc32(bytes.subarray(0, end))) return undefined;
  try {
    const from = new FieldReader(bytes, MAGIC.length, end);
    if (from.u32() !== VERSION) return undefined;
    const checkpoint = readCheckpoint(from, kindOf);
    return from.remaining === 0 ? checkpoint : undefined;
  } catch (error) {
    if (error instanceof FieldError) return undefined;
    throw error;
  }
}

function readCheckpoint(from: FieldReader, kindOf: (topic: string) => number): Checkpoint {
  const logId = new Uint8Array(from.raw(12));
  const identity = { logId, seed: from.u32() };
  const state = createState(logId, kindOf);
  state.lsn = from.u64();
  const frameCrc = from.u32();
  state.lastTimestampMs = from.u64();
  state.epochFloor = from.u32();
  state.sealedLsn = from.u64();
  times(from.u32(), () => {
    const kind = from.u8();
    const firstLsn = from.u64();
    const lastLsn = from.u64();
    state.runs.push({ kind, firstLsn, lastLsn, bytes: from.u64() });
  });
  times(from.u32(), () => {
    const id = from.id();
    const producer: ProducerState = { epoch: from.u32(), nextSequence: from.u64(), results: [] };
    const kept = from.u32();
    for (let sequence = producer.nextSequence - kept; sequence < producer.nextSequence; sequence += 1) {
      producer.results[sequence % PRODUCER_RESULTS_KEPT] = { baseOffset: from.u64(), timestampMs: from.u64() };
    }
    state.producers.set(id, producer);
  });
  times(from.u32(), () => {
    const id = from.id();
    state.retiredProducers.set(id, from.u32());
  });
  times(from.u32(), () => {
    readGroup(from, state);
  });
  times(from.u32(), () => {
    const topicId = from.u32();
    state.owners.set(topicId, from.str());
  });
  readColumns(from, state.topics);
  return { identity, state, frameCrc };
}

function readGroup(from: FieldReader, state: LogState): void {
  const name = from.str();
  const epoch = from.u32();
  const lastUsedMs = from.u64();
  const group = { epoch, lastUsedMs, positions: new Map<number, Map<string, PositionState>>() };
  times(from.u32(), () => {
    const positions = new Map<string, PositionState>();
    group.positions.set(from.u32(), positions);
    times(from.u32(), () => {
      const position = from.str();
      const offset = from.u64();
      const revision = from.u64();
      positions.set(position, { offset, revision, metadata: from.str() });
    });
  });
  state.groups.set(name, group);
}

function times(count: number, run: () => void): void {
  for (let index = 0; index < count; index += 1) run();
}
