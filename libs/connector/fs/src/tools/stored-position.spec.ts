import { describe, expect, it } from '@jest/globals';
import type { StoredPosition } from '@pulses/broker-wire';
import type { PositionName } from '@pulses/connector-api';
import { createSimClock } from '@pulses/testing-sim';
import { changePosition } from './stored-position';

const STORED: StoredPosition = {
  group: 'g@s',
  topic: 's',
  incarnation: '1'.repeat(32),
  name: 'grouped',
  offset: 1200,
  revision: 7,
  metadata: 'm',
};

/** A change of a position that the broker lists as told, one time after the other. */
function change(position: PositionName, listings: readonly (readonly StoredPosition[])[]) {
  const calls: string[] = [];
  const left = [...listings];
  const client = {
    // An empty name matches each group and each topic.
    readPositions: () => Promise.resolve(left.shift() ?? []),
    joinGroup: () => {
      calls.push('join');
      return Promise.resolve(4);
    },
    leaveGroup: () => Promise.resolve(),
  };
  const changed = changePosition(client, createSimClock(), 'cli', position, ({ revision }) => {
    calls.push(`change revision ${revision}`);
    return Promise.resolve();
  });
  return { changed, calls };
}

describe('a change of a stored position', () => {
  it.each([
    ['group', { ...STORED, group: '' }],
    ['topic', { ...STORED, topic: '' }],
  ])('is not made without a name of its %s, which would match any', async (_what, position) => {
    const { changed, calls } = change(position, [[STORED], [STORED]]);
    expect(await changed).toBeUndefined();
    expect(calls).toEqual([]);
  });

  it('is made to the position as it is after the join', async () => {
    const { changed, calls } = change(STORED, [[STORED], [{ ...STORED, revision: 8 }]]);
    expect(await changed).toMatchObject({ revision: 8 });
    expect(calls).toEqual(['join', 'change revision 8']);
  });

  it('is not made when the position has gone before the join', async () => {
    const { changed, calls } = change(STORED, [[STORED], []]);
    expect(await changed).toBeUndefined();
    expect(calls).toEqual(['join']);
  });
});
