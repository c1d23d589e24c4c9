import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import fc from 'fast-check';
import { assignPartitions, type Candidate } from './assignor';

const COUNT_MAX = 24;

const groups = fc.record({
  partitionCount: fc.integer({ min: 1, max: COUNT_MAX }),
  candidates: fc
    .array(
      fc.record({
        owned: fc.uniqueArray(fc.integer({ min: 0, max: COUNT_MAX + 3 })),
        generation: fc.integer({ min: -1, max: 3 }),
      }),
      { minLength: 1, maxLength: 7 },
    )
    .map((members) => members.map((member, index): Candidate => ({ ...member, memberId: `m${index}`, topic: 's' }))),
});

/** What the members own once each has given up what was not given to it again. */
function afterGivingUp(candidates: readonly Candidate[], shares: ReadonlyMap<string, readonly number[]>): Candidate[] {
  return candidates.map((candidate) => ({ ...candidate, owned: shares.get(candidate.memberId) ?? [], generation: 9 }));
}

describe('the shares of a classic group', () => {
  it('give no partition to two members, nor one that another still owns', () => {
    fc.assert(
      fc.property(groups, ({ candidates, partitionCount }) => {
        const shares = assignPartitions(candidates, partitionCount);
        const given = [...shares.values()].flat();
        expect(new Set(given).size).toBe(given.length);
        for (const [memberId, share] of shares) {
          const own = candidates.find((candidate) => candidate.memberId === memberId)?.owned ?? [];
          const others = candidates.filter((other) => other.memberId !== memberId && other.generation >= 3);
          const taken = share.filter((partition) => !own.includes(partition));
          for (const partition of taken) expect(others.some(({ owned }) => owned.includes(partition))).toBe(false);
        }
      }),
      { numRuns: SCALE.sizeOf({ sample: 500, fault: 5_000 }) },
    );
  });

  it('are complete and even in the second round, and move nothing in a third', () => {
    fc.assert(
      fc.property(groups, ({ candidates, partitionCount }) => {
        const first = assignPartitions(candidates, partitionCount);
        const second = assignPartitions(afterGivingUp(candidates, first), partitionCount);
        const sizes = [...second.values()].map(({ length }) => length);
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(partitionCount);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(assignPartitions(afterGivingUp(candidates, second), partitionCount)).toEqual(second);
      }),
      { numRuns: SCALE.sizeOf({ sample: 500, fault: 5_000 }) },
    );
  });

  it('move one partition for a third member of six', () => {
    const shares = assignPartitions(
      [
        { memberId: 'a', owned: [0, 1, 2], generation: 1 },
        { memberId: 'b', owned: [3, 4, 5], generation: 1 },
        { memberId: 'c', owned: [], generation: -1 },
      ],
      6,
    );
    expect(Object.fromEntries(shares)).toEqual({ a: [0, 1], b: [3, 4], c: [] });
  });
});
