// A checkpoint as bytes: the state after one frame.
//
//   checkpoint = magic 8 bytes · version u32 · logId 12 bytes · seed u32 · state · topics · crc u32
//   state      = the fields of STATE, see `shared-binary`
//   topics     = see topic-columns.ts
//
// Guarantees: what `decodeCheckpoint` returns was encoded so; damaged bytes give undefined, never an exception.

import { PRODUCER_RESULTS_KEPT } from '@pulses/broker-wire';
import {
  FieldError,
  FieldReader,
  FieldWriter,
  id,
  list,
  map,
  str,
  struct,
  u32,
  u64,
  u8,
  viewOf,
  type Field,
} from '@pulses/shared-binary';
import { crc32 } from 'node:zlib';
import type { LogState, ProducerState } from '../commit/log-state';
import { LOG_ID_BYTES, type LogIdentity } from '../journal/segment-header';
import { TopicTable } from '../topics/topic-table';
import { bytesOfColumns, columnsOf, freeColumns, readColumns, writeColumns } from './topic-columns';

const MAGIC = new TextEncoder().encode('PULSCKP2');
const VERSION = 1;
const CRC_BYTES = 4;
/** What checkpoints of all releases begin with. */
const FAMILY = MAGIC.subarray(0, MAGIC.length - 1);

export interface Checkpoint {
  readonly identity: LogIdentity;
  readonly state: LogState;
  /** CRC of the frame `state.lsn`. */
  readonly frameCrc: number;
}

/** Written by hand: the results of the last sequences are a ring. */
const producer: Field<ProducerState> = {
  bytesMin: u32.bytesMin + u64.bytesMin + u32.bytesMin,
  write: (to, { epoch, nextSequence, results }) => {
    const kept = Math.min(nextSequence, PRODUCER_RESULTS_KEPT);
    to.u32(epoch);
    to.u64(nextSequence);
    to.u32(kept);
    for (let sequence = nextSequence - kept; sequence < nextSequence; sequence += 1) {
      const result = results[sequence % PRODUCER_RESULTS_KEPT]!; // kept since then
      to.u64(result.baseOffset);
      to.u64(result.timestampMs);
    }
  },
  read: (from) => {
    const read: ProducerState = { epoch: from.u32(), nextSequence: from.u64(), results: [] };
    for (let sequence = read.nextSequence - from.u32(); sequence < read.nextSequence; sequence += 1) {
      read.results[sequence % PRODUCER_RESULTS_KEPT] = { baseOffset: from.u64(), timestampMs: from.u64() };
    }
    return read;
  },
};

const position = struct({ offset: u64, revision: u64, metadata: str });

const STATE = struct({
  lsn: u64,
  frameCrc: u32,
  lastTimestampMs: u64,
  epochFloor: u32,
  sealedLsn: u64,
  runs: list(struct({ kind: u8, firstLsn: u64, lastLsn: u64, bytes: u64 })),
  producers: map(id, producer),
  /** Their epochs. */
  retiredProducers: map(id, u32),
  /** Positions by topic id and name. */
  groups: map(str, struct({ epoch: u32, lastUsedMs: u64, positions: map(u32, map(str, position)) })),
  /** Groups by topic id. */
  owners: map(u32, str),
});

export function encodeCheckpoint({ identity, state, frameCrc }: Checkpoint): Uint8Array {
  const topics = columnsOf(state.topics);
  const bytes = Buffer.allocUnsafeSlow(sizeAtMost(state) + bytesOfColumns(topics));
  const to = FieldWriter.into(bytes);
  to.raw(MAGIC);
  to.u32(VERSION);
  to.raw(identity.logId);
  to.u32(identity.seed);
  STATE.write(to, { ...state, frameCrc }, undefined);
  writeColumns(to, topics);
  freeColumns(topics);
  const end = to.at;
  to.u32(crc32(bytes.subarray(0, end)));
  return bytes.subarray(0, to.at);
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
  if (!isWhole(bytes, FAMILY)) return undefined;
  const magic = Buffer.from(bytes.subarray(0, MAGIC.length)).toString('latin1');
  const version = viewOf(bytes).getUint32(MAGIC.length, true);
  return version === VERSION && isWhole(bytes, MAGIC) ? undefined : `${magic}, version ${version}`;
}

/** Undefined when the bytes are not a whole valid checkpoint. */
export function decodeCheckpoint(bytes: Uint8Array, kindOf: (topic: string) => number): Checkpoint | undefined {
  if (!isWhole(bytes, MAGIC)) return undefined;
  try {
    const from = new FieldReader(bytes, MAGIC.length, bytes.length - CRC_BYTES);
    if (from.u32() !== VERSION) return undefined;
    const logId = new Uint8Array(from.raw(LOG_ID_BYTES));
    const identity = { logId, seed: from.u32() };
    const { frameCrc, runs, ...stored } = STATE.read(from, undefined);
    const topics = new TopicTable(logId, kindOf);
    readColumns(from, topics);
    from.expectEnd();
    return { identity, state: { ...stored, runs: [...runs], topics }, frameCrc };
  } catch (error) {
    if (error instanceof FieldError) return undefined;
    throw error;
  }
}

/** Whether the bytes are all of a checkpoint that begins so. */
function isWhole(bytes: Uint8Array, magic: Uint8Array): boolean {
  const end = bytes.length - CRC_BYTES;
  if (end < MAGIC.length + 4 || !magic.every((byte, index) => bytes[index] === byte)) return false;
  return viewOf(bytes).getUint32(end, true) === crc32(bytes.subarray(0, end));
}
