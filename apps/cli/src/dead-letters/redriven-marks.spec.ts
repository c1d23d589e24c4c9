import { describe, expect, it } from '@jest/globals';
import { METADATA_BYTES_MAX, POSITIONS_PER_COMMIT_MAX } from '@pulses/broker-wire';
import type { GroupPosition, MarkChange } from '@pulses/connector-api';
import fc from 'fast-check';
import { createRedrivenMarks, fitOneCommit, LETTERS_PER_MARK } from './redriven-marks';

const stored = (changes: readonly MarkChange[]): GroupPosition[] =>
  changes.map(({ name, expectedRevision, offset, metadata }) => {
    return { group: 'g', topic: 't', incarnation: 'i', name, offset, metadata, revision: expectedRevision + 1 };
  });

describe('the marks of redriven letters', () => {
  it('hold exactly the letters marked, from one reading of the positions to the next', () => {
    const offset = fc.integer({ min: 0, max: 3 * LETTERS_PER_MARK });
    fc.assert(
      fc.property(
        fc.uniqueArray(offset, { maxLength: 50 }),
        fc.uniqueArray(offset, { maxLength: 50 }),
        (first, second) => {
          const marks = createRedrivenMarks([]);
          const changes = marks.changes(first);
          marks.stored(changes);
          const rest = second.filter((one) => !first.includes(one));
          const more = marks.changes(rest);
          const latest = new Map(stored([...changes, ...more]).map((position) => [position.name, position]));
          const again = createRedrivenMarks([...latest.values()]);
          const all = new Set([...first, ...rest]);
          for (const one of [...all].flatMap((value) => [value - 1, value, value + 1]))
            expect(again.has(one)).toBe(all.has(one));
        },
      ),
    );
  });

  it('name the revision that they replace', () => {
    const marks = createRedrivenMarks([]);
    const first = marks.changes([5, 6]);
    expect(first).toMatchObject([{ name: 'letters 0', expectedRevision: 0, offset: 7 }]);
    // Not stored: the next change replaces the same revision.
    expect(marks.changes([9])).toMatchObject([{ expectedRevision: 0, offset: 10 }]);
    marks.stored(first);
    expect(marks.has(5)).toBe(true);
    expect(marks.changes([1])).toMatchObject([{ expectedRevision: 1, offset: 7 }]);
  });

  it('fit what the broker takes', () => {
    const changes = createRedrivenMarks([]).changes(Array.from({ length: 5000 }, (_, index) => index));
    expect(changes.length).toBeLessThanOrEqual(POSITIONS_PER_COMMIT_MAX);
    for (const { metadata } of changes) expect(metadata.length).toBeLessThanOrEqual(METADATA_BYTES_MAX);
  });

  it('fit one commit also where the letters lie far apart', () => {
    const offsets = Array.from({ length: POSITIONS_PER_COMMIT_MAX + 1 }, (_, index) => index * LETTERS_PER_MARK);
    const fitting = offsets.filter((offset) => fitOneCommit(0, offset));
    expect(createRedrivenMarks([]).changes(fitting)).toHaveLength(POSITIONS_PER_COMMIT_MAX);
    expect(createRedrivenMarks([]).changes(offsets)).toHaveLength(POSITIONS_PER_COMMIT_MAX + 1);
  });

  it('all move up to the last redriven letter, in commits that the broker takes, and stay marks', () => {
    const offsets = Array.from({ length: POSITIONS_PER_COMMIT_MAX + 2 }, (_, index) => index * LETTERS_PER_MARK + 7);
    const marks = createRedrivenMarks(stored(createRedrivenMarks([]).changes(offsets)));
    const raised: MarkChange[][] = [];
    for (let changes = marks.raises(); changes.length > 0; changes = marks.raises()) {
      raised.push(changes);
      marks.stored(changes);
    }
    expect(raised.map(({ length }) => length)).toEqual([POSITIONS_PER_COMMIT_MAX, 1]);
    const end = offsets.at(-1)! + 1; // there are some
    for (const { offset } of raised.flat()) expect(offset).toBe(end);
    const again = createRedrivenMarks(stored(raised.flat()));
    for (const offset of offsets.slice(0, -1)) expect([offset - 1, offset].map(again.has)).toEqual([false, true]);
    expect(createRedrivenMarks([]).raises()).toEqual([]);
  });

  it('refuse a position that is none of theirs', () => {
    const [position] = stored(createRedrivenMarks([]).changes([1]));
    expect(() => createRedrivenMarks([{ ...position!, metadata: 'AAAA' }])).toThrow('does not tell'); // one change was asked for
    expect(() => createRedrivenMarks([{ ...position!, name: 'other' }])).toThrow('does not tell'); // as before
  });
});
