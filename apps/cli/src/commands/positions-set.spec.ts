import { describe, expect, it } from '@jest/globals';
import type { BrokerClient } from '@pulses/broker-client';
import { columnsOf, type StoredPosition } from '@pulses/broker-wire';
import { createSimClock } from '@pulses/testing-sim';
import { movePosition } from './positions-set';

const STORED: StoredPosition = {
  group: 'g@s',
  topic: 's',
  incarnation: '1'.repeat(32),
  name: 'grouped',
  offset: 1200,
  revision: 7,
  metadata: 'm',
};
const MOVE = { group: 'g@s', topic: 's', name: 'grouped', offset: 200 };

type Commit = Parameters<BrokerClient['commit']>[0];

/** A broker with one position; with `isActive`, its group has a member. */
function brokerWith(isActive: boolean) {
  const commits: Commit[] = [];
  const calls: string[] = [];
  return {
    commits,
    calls,
    readPositions: () => Promise.resolve([STORED]),
    joinGroup: () => {
      calls.push('join');
      return isActive ? new Promise<number>(() => undefined) : Promise.resolve(4);
    },
    commit: (commit: Commit) => {
      commits.push(commit);
      return Promise.resolve({ type: 'committed' as const, timestampMs: 0, newTopicIds: Uint32Array.of() });
    },
    leaveGroup: () => {
      calls.push('leave');
      return Promise.resolve();
    },
  };
}

describe('positions set', () => {
  it('moves the position as the active member of the group, and leaves it', async () => {
    const broker = brokerWith(false);
    expect(await movePosition(broker, createSimClock(), MOVE)).toBe(1200);
    const positions = [{ name: 'grouped', expectedRevision: 7, offset: 200, metadata: '' }];
    const { group, topic, incarnation } = STORED;
    expect(broker.commits).toEqual([{ group, groupEpoch: 4, topic, incarnation, positions, ...columnsOf([]) }]);
    expect(broker.calls).toEqual(['join', 'leave']);
  });

  it('is refused while the group has an active member, and changes nothing', async () => {
    const broker = brokerWith(true);
    const clock = createSimClock();
    const moved = movePosition(broker, clock, MOVE);
    const refused = expect(moved).rejects.toMatchObject({ code: 'GROUP_ACTIVE' });
    await clock.advance(1_000);
    await refused;
    expect(broker.commits).toEqual([]);
  });

  it('moves no marks of redriven dead letters, which would be lost', async () => {
    const broker = brokerWith(false);
    const moved = movePosition(broker, createSimClock(), { ...MOVE, group: 'redrive@s' });
    await expect(moved).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('redriven') });
    expect(broker.calls).toEqual([]);
  });

  it('joins no group that has no such position', async () => {
    const broker = brokerWith(false);
    const moved = movePosition(broker, createSimClock(), { ...MOVE, name: 'nosuch' });
    await expect(moved).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(broker.calls).toEqual([]);
  });
});
