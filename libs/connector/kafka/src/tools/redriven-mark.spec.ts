import { describe, expect, it } from '@jest/globals';
import { keptMarkGroup, markGroup, markOf, unitedMarks } from './redriven-mark';

const NAME = { group: 'redrive@s.dead-letter', name: 'letters 0' };

describe('a mark', () => {
  it('is named by its group, and so is its copy', () => {
    for (const group of [markGroup(NAME), keptMarkGroup(NAME)]) expect(markOf(group)).toEqual(NAME);
    expect(markGroup(NAME)).not.toBe(keptMarkGroup(NAME));
    expect(markOf('redrive@s.dead-letter')).toBeUndefined();
  });

  it('is the union of itself and its copy, whichever is older', () => {
    const at = (bits: readonly number[], offset: number, incarnation = '1') => {
      const metadata = Buffer.from(bits).toString('base64');
      return { ...NAME, topic: 's.dead-letter', partition: 0, incarnation, offset, metadata };
    };
    const [older, newer, other] = [at([1, 0], 1), at([2, 4], 11), at([8], 4, '2')];
    expect(unitedMarks([older, other, newer])).toEqual([at([3, 4], 11), other]);
    expect(unitedMarks([newer, older])).toEqual([at([3, 4], 11)]);
    expect(unitedMarks([newer])).toEqual([newer]);
  });
});
