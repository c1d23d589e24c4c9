// Which dead letters were redriven, as positions on the dead-letter topic.
//
// A position `letters N` has a bit for each of LETTERS_PER_MARK letters in its metadata, base64. It is changed in the
// commit that publishes the letters, and names the revision that it replaces. So a letter is marked exactly when it is
// published.
//
// The offset of a position is behind its last marked letter, or behind that of a later position. Retention keeps what
// comes after the lowest one.
// Bounds: one position for each LETTERS_PER_MARK letters of which one was redriven. Deleting the topic deletes them.

import { METADATA_BYTES_MAX, POSITIONS_PER_COMMIT_MAX } from '@pulses/broker-wire';
import type { GroupPosition, MarkChange } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';

/** 2 KiB of bits, 2.7 KiB as base64. */
export const LETTERS_PER_MARK = 16_384;
const MARK_BYTES = LETTERS_PER_MARK / 8;
const NAME = 'letters ';

export interface RedrivenMarks {
  has(offset: number): boolean;
  /** The changes that mark these letters, none of which is marked. */
  changes(offsets: readonly number[]): MarkChange[];
  /** Changes of one commit that move lower positions up to the highest, so that retention stops at none; [] at last. */
  raises(): MarkChange[];
  /** The changes are stored. */
  stored(changes: readonly MarkChange[]): void;
}

interface Mark {
  readonly revision: number;
  readonly offset: number;
  readonly bits: Buffer;
}

/** @throws PulsesError PROTOCOL_VIOLATION when a position is not one of these */
export function createRedrivenMarks(positions: readonly GroupPosition[]): RedrivenMarks {
  const marks = new Map<string, Mark>(
    positions.map(({ name, revision = 0, offset, metadata }) => [
      name,
      { revision, offset, bits: bitsOf(name, metadata) },
    ]),
  );
  return {
    has(offset) {
      const { name, byte, bit } = placeOf(offset);
      return ((marks.get(name)?.bits[byte] ?? 0) & bit) !== 0;
    },
    changes(offsets) {
      const changed = new Map<string, Mark>();
      for (const offset of offsets) {
        const { name, byte, bit } = placeOf(offset);
        const stored = marks.get(name);
        const mark = changed.get(name) ?? {
          revision: stored?.revision ?? 0,
          offset: stored?.offset ?? 0,
          bits: Buffer.from(stored?.bits ?? Buffer.alloc(MARK_BYTES)),
        };
        mark.bits[byte] = (mark.bits[byte] as number) | bit;
        changed.set(name, { ...mark, offset: Math.max(mark.offset, offset + 1) });
      }
      return [...changed].map(changeTo);
    },
    raises() {
      const offset = Math.max(...[...marks.values()].map((mark) => mark.offset));
      return [...marks]
        .filter(([, mark]) => mark.offset < offset)
        .slice(0, POSITIONS_PER_COMMIT_MAX)
        .map(([name, mark]) => changeTo([name, { ...mark, offset }]));
    },
    stored(changes) {
      for (const { name, expectedRevision, offset, metadata } of changes)
        marks.set(name, { revision: expectedRevision + 1, offset, bits: bitsOf(name, metadata) });
    },
  };
}

/** Whether one commit has room for the marks of letters from the first offset to the last. */
export function fitOneCommit(first: number, last: number): boolean {
  return markOf(last) - markOf(first) < POSITIONS_PER_COMMIT_MAX;
}

function changeTo([name, { revision, offset, bits }]: readonly [string, Mark]): MarkChange {
  return { name, expectedRevision: revision, offset, metadata: bits.toString('base64') };
}

function markOf(offset: number): number {
  return Math.floor(offset / LETTERS_PER_MARK);
}

function placeOf(offset: number): { name: string; byte: number; bit: number } {
  const within = offset % LETTERS_PER_MARK;
  return { name: `${NAME}${markOf(offset)}`, byte: within >>> 3, bit: 1 << (within & 7) };
}

function bitsOf(name: string, metadata: string): Buffer {
  const bits = Buffer.from(metadata, 'base64');
  if (!name.startsWith(NAME) || metadata.length > METADATA_BYTES_MAX || bits.byteLength !== MARK_BYTES)
    throw new PulsesError(
      'PROTOCOL_VIOLATION',
      `the position '${name}' does not tell which dead letters were redriven`,
    );
  return bits;
}
