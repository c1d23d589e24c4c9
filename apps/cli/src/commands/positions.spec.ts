import { describe, expect, it } from '@jest/globals';
import { positionRow, type PositionLag } from './positions';
import { groupLagsByIncarnation } from './topics';

const lagOf = (group: string, lag: number): PositionLag => ({
  lag,
  position: { group, topic: 's', incarnation: '1'.repeat(32), name: 'p', offset: 2, revision: 1, metadata: '' },
});

describe('positions that a deleted owner has left', () => {
  it('are listed without a group, in words on a terminal', () => {
    const { cells, json } = positionRow(lagOf('', 3));
    expect(cells[0]).toBe('(left by a deleted group)');
    expect(JSON.parse(json)).toMatchObject({ group: '', topic: 's', name: 'p' });
    expect(positionRow(lagOf('g', 3)).cells[0]).toBe('g');
  });

  it('are no lag of a group', () => {
    expect(groupLagsByIncarnation([lagOf('', 1), lagOf('g', 3)])).toEqual(
      new Map([['1'.repeat(32), new Map([['g', 3]])]]),
    );
  });
});
