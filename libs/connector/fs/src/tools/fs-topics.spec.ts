import { describe, expect, it } from '@jest/globals';
import type { BrokerClient } from '@pulses/broker-client';
import { columnsOf, type StoredPosition } from '@pulses/broker-wire';
import { createSimClock } from '@pulses/testing-sim';
import { FsTopics } from './fs-topics';

const STORED: StoredPosition = {
  group: 'g@s',
  topic: 's',
  incarnation: '1'.repeat(32),
  name: 'grouped',
  offset: 1200,
  revision: 7,
  metadata: 'm',
};
const { group, topic, incarnation, name } = STORED;
const POSITION = { group, topic, name };

type Commit = Parameters<BrokerClient['commit']>[0];
type Deletion = Parameters<BrokerClient['deletePosition']>[0];

/** A broker with one position; with `isActive`, its group has a member. */
function brokerWith(isActive: boolean) {
  const [commits, deletions, calls]: [Commit[], Deletion[], string[]] = [[], [], []];
  const client = {
    readPositions: () => Promise.resolve([STORED]),
    joinGroup: () => {
      calls.push('join');
      return isActive ? new Promise<number>(() => undefined) : Promise.resolve(4);
    },
    commit: (commit: Commit) => {
      commits.push(commit);
      return Promise.resolve({ type: 'committed' as const, timestampMs: 0, newTopicIds: Uint32Array.of() });
    },
    deletePosition: (deletion: Deletion) => {
      deletions.push(deletion);
      return Promise.resolve();
    },
    leaveGroup: () => {
      calls.push('leave');
      return Promise.resolve();
    },
  };
  const clock = createSimClock();
  return { commits, deletions, calls, clock, topics: new FsTopics(client as unknown as BrokerClient, clock, 'cli') };
}

describe('a position', () => {
  it('is moved as the active member of the group, which it leaves', async () => {
    const { topics, commits, calls } = brokerWith(false);
    expect(await topics.movePosition(POSITION, 200)).toEqual(STORED);
    const positions = [{ name: 'grouped', expectedRevision: 7, offset: 200, metadata: '' }];
    expect(commits).toEqual([{ group, groupEpoch: 4, topic, incarnation, positions, ...columnsOf([]) }]);
    expect(calls).toEqual(['join', 'leave']);
  });

  it('is deleted as the active member of the group, which it leaves', async () => {
    const { topics, deletions, calls } = brokerWith(false);
    expect(await topics.deletePosition(POSITION)).toEqual(STORED);
    expect(deletions).toEqual([{ group, groupEpoch: 4, topic, incarnation, name, expectedRevision: 7 }]);
    expect(calls).toEqual(['join', 'leave']);
  });

  it('stays while the group has an active member', async () => {
    const { topics, commits, clock } = brokerWith(true);
    const refused = expect(topics.movePosition(POSITION, 200)).rejects.toMatchObject({ code: 'GROUP_ACTIVE' });
    await clock.advance(1_000);
    await refused;
    expect(commits).toEqual([]);
  });

  it('that does not exist joins no group', async () => {
    const { topics, calls } = brokerWith(false);
    expect(await topics.movePosition({ ...POSITION, name: 'nosuch' }, 200)).toBeUndefined();
    expect(calls).toEqual([]);
  });
});
