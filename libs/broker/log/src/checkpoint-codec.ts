// A checkpoint as bytes: the state after one frame, and how far the topics' files reach. docs/formats/checkpoint.md.
//
//   checkpoint = magic 8 bytes · version u32 · logId 16 bytes · lsn u64 · frameCrc u32 · materialisedLsn u64
//                · lastTimestampMs u64 · nextTopicId u32 · epochFloor u32 · topics · producers · retired · groups · crc u32
//   topics     = count u32 · count × (id u32 · incarnation 16 bytes · topic text · owner text · startOffset u64 · nextOffset u64
//                · bytes u64 · firstTimestampMs u64 · lastTimestampMs u64 · segments)
//   segments   = count u32 · count × (baseOffset u64 · nextOffset u64 · length u64 · entries u32
//                · firstTimestampMs u64 · lastTimestampMs u64)
//   producers  = count u32 · count × (id 16 bytes · epoch u32 · nextSequence u64
//                · count u32 · count × (baseOffset u64 · timestampMs u64))     the results of the last sequences
//   retired    = count u32 · count × (id 16 bytes · epoch u32)
//   groups     = count u32 · count × (group text · epoch u32 · lastUsedMs u64
//                · count u32 · count × (topicId u32 · count u32 · count × (name text · offset u64 · revision u64 · metadata text)))
//
// Guarantees: what `decodeCheckpoint` returns was encoded so; damaged bytes give undefined, never an exception.

import { PRODUCER_RESULTS_KEPT } from '@pulses/broker-wire';
import { crc32 } from 'node:zlib';
import { FieldError, FieldReader, FieldWriter, viewOf } from '@pulses/shared-binary';
import { utf8 } from './bytes';
import { createState, createTopicState, type LogState, type PositionState, type ProducerState } from './state';
import type { SegmentState } from './topic-files';

const MAGIC = utf8('PULSCKP1');
const VERSION = 3;

export interface Checkpoint {
  readonly logId: Uint8Array;
  readonly state: LogState;
  /** CRC of the frame `state.lsn`. */
  readonly frameCrc: number;
  /** Every message of the frames up to this one is durable in the topics' files. */
  readonly materialisedLsn: number;
  /** By topic id: the durable part of the files. */
  readonly segments: ReadonlyMap<number, SegmentState[]>;
}

export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const { state } = checkpoint;
  const bytes = Buffer.allocUnsafeSlow(sizeAtMost(checkpoint));
  const to = FieldWriter.into(bytes);
  to.raw(MAGIC);
  to.u32(VERSION);
  to.raw(checkpoint.logId);
  to.u64(state.lsn);
  to.u32(checkpoint.frameCrc);
  to.u64(checkpoint.materialisedLsn);
  to.u64(state.lastTimestampMs);
  to.u32(state.nextTopicId);
  to.u32(state.epochFloor);
  to.u32(state.topicsById.size);
  for (const topic of state.topicsById.values()) {
    to.u32(topic.id);
    to.id(topic.incarnation);
    to.str(topic.topic);
    to.str(topic.owner);
    to.u64(topic.startOffset);
    to.u64(topic.nextOffset);
    to.u64(topic.bytes);
    to.u64(topic.firstTimestampMs);
    to.u64(topic.lastTimestampMs);
    writeSegments(to, checkpoint.segments.get(topic.id) ?? []);
  }
  to.u32(state.producers.size);
  for (const [id, producer] of state.producers) writeProducer(to, id, producer);
  to.u32(state.retiredProducers.size);
  for (const [id, epoch] of state.retiredProducers) {
    to.id(id);
    to.u32(epoch);
  }
  writeGroups(to, state);
  const end = to.at;
  to.u32(crc32(bytes.subarray(0, end)));
  return bytes.subarray(0, to.at);
}

function writeSegments(to: FieldWriter, segments: readonly SegmentState[]): void {
  const durable = segments.filter(({ synced }) => synced !== undefined);
  to.u32(durable.length);
  for (const { baseOffset, firstTimestampMs, synced } of durable) {
    const mark = synced!; // filtered just before
    to.u64(baseOffset);
    to.u64(mark.nextOffset);
    to.u64(mark.length);
    to.u32(mark.entries);
    to.u64(firstTimestampMs);
    to.u64(mark.lastTimestampMs);
  }
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

function writeGroups(to: FieldWriter, state: LogState): void {
  to.u32(state.groups.size);
  for (const [name, group] of state.groups) {
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
}

/** UTF-8 takes at most three bytes a UTF-16 unit. */
function sizeAtMost({ state, segments }: Checkpoint): number {
  let size = 256;
  for (const { topic, owner } of state.topicsById.values()) size += 74 + 3 * (topic.length + owner.length);
  for (const list of segments.values()) size += 44 * list.length;
  for (const { nextSequence } of state.producers.values())
    size += 32 + 16 * Math.min(nextSequence, PRODUCER_RESULTS_KEPT);
  size += 20 * state.retiredProducers.size;
  for (const [name, group] of state.groups) {
    size += 18 + 3 * name.length;
    for (const positions of group.positions.values()) {
      size += 8;
      for (const [position, { metadata }] of positions) size += 20 + 3 * (position.length + metadata.length);
    }
  }
  return size;
}

/** Version of a whole checkpoint that another release wrote; undefined for one of this release, and for damaged bytes. */
export function foreignVersionOf(bytes: Uint8Array): number | undefined {
  if (!hasValidFrame(bytes)) return undefined;
  const version = viewOf(bytes).getUint32(MAGIC.length, true);
  return version === VERSION ? undefined : version;
}

/** Magic and checksum, which every version has. */
function hasValidFrame(bytes: Uint8Array): boolean {
  const end = bytes.length - 4;
  if (end < MAGIC.length + 4 || !MAGIC.every((byte, index) => bytes[index] === byte)) return false;
  return viewOf(bytes).getUint32(end, true) === crc32(bytes.subarray(0, end));
}

/** Undefined when the bytes are not a whole valid checkpoint. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint | undefined {
  if (!hasValidFrame(bytes)) return undefined;
  try {
    const from = new FieldReader(bytes, MAGIC.length, bytes.length - 4);
    if (from.u32() !== VERSION) return undefined;
    const checkpoint = readCheckpoint(from);
    return from.remaining === 0 ? checkpoint : undefined;
  } catch (error) {
    if (error instanceof FieldError) return undefined;
    throw error;
  }
}

function readCheckpoint(from: FieldReader): Checkpoint {
  const state = createState();
  const segments = new Map<number, SegmentState[]>();
  const logId = new Uint8Array(from.raw(16));
  state.lsn = from.u64();
  const frameCrc = from.u32();
  const materialisedLsn = from.u64();
  state.lastTimestampMs = from.u64();
  state.nextTopicId = from.u32();
  state.epochFloor = from.u32();
  times(from.u32(), () => {
    const topicId = from.u32();
    const incarnation = from.id();
    const topic = createTopicState({ topicId, incarnation, topic: from.str() });
    topic.owner = from.str();
    topic.startOffset = from.u64();
    topic.nextOffset = from.u64();
    topic.bytes = from.u64();
    topic.firstTimestampMs = from.u64();
    topic.lastTimestampMs = from.u64();
    state.topicsById.set(topicId, topic);
    state.topicsByName.set(topic.topic, topic);
    segments.set(topicId, readSegments(from));
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
  readGroups(from, state);
  return { logId, state, frameCrc, materialisedLsn, segments };
}

function readSegments(from: FieldReader): SegmentState[] {
  const segments: SegmentState[] = [];
  times(from.u32(), () => {
    const baseOffset = from.u64();
    const reach = { nextOffset: from.u64(), length: from.u64(), entries: from.u32() };
    const firstTimestampMs = from.u64();
    const mark = { ...reach, lastTimestampMs: from.u64() };
    segments.push({ baseOffset, firstTimestampMs, written: mark, synced: mark, indexed: mark.entries, held: [] });
  });
  return segments;
}

function readGroups(from: FieldReader, state: LogState): void {
  times(from.u32(), () => {
    const name = from.str();
    const epoch = from.u32();
    const lastUsedMs = from.u64();
    const group = { epoch, lastUsedMs, positions: new Map<number, Map<string, PositionState>>() };
    times(from.u32(), () => {
      const positions = new Map<string, PositionState>();
      group.positions.set(from.u32(), positions);
      times(from.u32(), () => {
        const position = from.str();
        positions.set(position, readPosition(from));
      });
    });
    state.groups.set(name, group);
  });
}

function readPosition(from: FieldReader): PositionState {
  const offset = from.u64();
  const revision = from.u64();
  return { offset, revision, metadata: from.str() };
}

function times(count: number, run: () => void): void {
  for (let index = 0; index < count; index += 1) run();
}
