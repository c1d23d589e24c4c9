import { describe, expect, it } from '@jest/globals';
import type { PositionName } from '@pulses/connector-api';
import { movePosition } from './positions-set';

const MOVE = { group: 'g@s', topic: 's', name: 'grouped', offset: 200 };

/** A system with one position, at offset 1200. */
function systemWith() {
  const moves: [string, number][] = [];
  return {
    moves,
    groupOf: (group: string, source: string) => `${group}@${source}`,
    movePosition: (position: PositionName, offset: number) => {
      moves.push([position.name, offset]);
      const stored = { ...position, incarnation: '1'.repeat(32), offset: 1200, revision: 7, metadata: 'm' };
      return Promise.resolve(position.name === 'grouped' ? stored : undefined);
    },
  };
}

describe('positions set', () => {
  it('answers where the position was', async () => {
    const system = systemWith();
    expect(await movePosition(system, MOVE)).toBe(1200);
    expect(system.moves).toEqual([['grouped', 200]]);
  });

  it('moves no marks of redriven dead letters, which would be lost', async () => {
    const system = systemWith();
    await expect(movePosition(system, { ...MOVE, group: 'redrive@s' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('redriven'),
    });
    expect(system.moves).toEqual([]);
  });

  it('names a position that does not exist', async () => {
    await expect(movePosition(systemWith(), { ...MOVE, name: 'nosuch' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: "NAME: 'nosuch' is not valid: g@s has no such position on s",
    });
    const partition = movePosition(systemWith(), { ...MOVE, name: 'nosuch', partition: 3 });
    await expect(partition).rejects.toThrow('on partition 3 of s');
  });
});
