import { describe, expect, it } from '@jest/globals';
import type { BrokerClient } from '@pulses/broker-client';
import type { StoredPosition } from '@pulses/broker-wire';
import { createSimClock } from '@pulses/testing-sim';
import { deletePosition } from './positions-delete';

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

describe('positions delete', () => {
  it('removes the position as the active member of the group, and leaves it', async () => {
    const calls: unknown[] = [];
    const broker = {
      readPositions: () => Promise.resolve([STORED]),
      joinGroup: () => {
        calls.push('join');
        return Promise.resolve(4);
      },
      deletePosition: (deletion: Parameters<BrokerClient['deletePosition']>[0]) => {
        calls.push(deletion);
        return Promise.resolve();
      },
      leaveGroup: () => {
        calls.push('leave');
        return Promise.resolve();
      },
    };
    expect(await deletePosition(broker, createSimClock(), { group, topic, name })).toBe(1200);
    expect(calls).toEqual(['join', { group, groupEpoch: 4, topic, incarnation, name, expectedRevision: 7 }, 'leave']);
  });
});
