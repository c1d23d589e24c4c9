// The topics in a checkpoint, as columns: they are copied, not written one by one, since nothing else runs meanwhile.
//
//   topics = nextTopicId u32 · count u32 · ids u32 × count · nameLengths u16 × count · 5 columns of f64 × count
//            · names UTF-8, back to back                                        all by id, which rise
//
// The columns of f64 hold whole numbers below 2^53: startOffset, nextOffset, bytes, firstTimestampMs, lastTimestampMs.

import { freeMemory } from '@pulses/broker-wire';
import { FieldError, type FieldReader, type FieldWriter } from '@pulses/shared-binary';
import { STORED_NUMBERS, type TopicTable } from '../topics/topic-table';

/** Made of a table, in one go. */
export interface TopicColumns {
  readonly nextId: number;
  readonly ids: Uint32Array;
  readonly nameLengths: Uint16Array;
  /** The columns one after the other. */
  readonly numbers: Float64Array;
  readonly names: Uint8Array;
}

export function columnsOf(topics: TopicTable): TopicColumns {
  const rows = topics.storedRows();
  const count = rows.length;
  const ids = new Uint32Array(count);
  const numbers = new Float64Array(count * STORED_NUMBERS);
  for (let index = 0; index < count; index += 1) {
    const row = rows[index]!; // in range
    ids[index] = topics.idOf(row);
    for (let number = 0; number < STORED_NUMBERS; number += 1) {
      numbers[number * count + index] = topics.storedNumber(row, number);
    }
  }
  return { nextId: topics.nextId, ids, numbers, ...topics.namesOf(rows) };
}

export function bytesOfColumns({ ids, nameLengths, numbers, names }: TopicColumns): number {
  return 8 + ids.byteLength + nameLengths.byteLength + numbers.byteLength + names.byteLength;
}

export function writeColumns(to: FieldWriter, { nextId, ids, nameLengths, numbers, names }: TopicColumns): void {
  to.u32(nextId);
  to.u32(ids.length);
  for (const { buffer, byteOffset, byteLength } of [ids, nameLengths, numbers, names]) {
    to.raw(new Uint8Array(buffer, byteOffset, byteLength));
  }
}

/** They are of no use afterwards. */
export function freeColumns({ ids, nameLengths, numbers, names }: TopicColumns): void {
  for (const { buffer } of [ids, nameLengths, numbers, names]) freeMemory(buffer);
}

/** Puts the topics into an empty table. @throws FieldError */
export function readColumns(from: FieldReader, topics: TopicTable): void {
  const nextId = from.u32();
  const count = from.count(4 + 2 + 8 * STORED_NUMBERS);
  const ids = new Uint32Array(copied(from, 4 * count));
  const nameLengths = new Uint16Array(copied(from, 2 * count));
  const numbers = new Float64Array(copied(from, 8 * STORED_NUMBERS * count));
  if (!numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) {
    throw new FieldError('a number of a topic is none');
  }
  for (let index = 0; index < count; index += 1) {
    const id = ids[index]!; // in range, as the others
    const name = Buffer.from(from.raw(nameLengths[index]!)).toString();
    if (!topics.create(id, name)) throw new FieldError(`topic ${id} is there twice`);
    topics.restore(topics.rowOf(id), {
      startOffset: numbers[index]!,
      nextOffset: numbers[count + index]!,
      bytes: numbers[2 * count + index]!,
      firstTimestampMs: numbers[3 * count + index]!,
      lastTimestampMs: numbers[4 * count + index]!,
    });
  }
  topics.restoreNextId(nextId);
}

/** The next bytes in memory of their own, which is aligned. */
function copied(from: FieldReader, length: number): ArrayBuffer {
  return new Uint8Array(from.raw(length)).buffer;
}
