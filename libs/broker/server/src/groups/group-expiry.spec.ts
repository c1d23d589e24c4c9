import { describe, expect, it } from '@jest/globals';
import { EXPIRED_GROUPS_MAX } from '@pulses/broker-log-api';
import { columnsOf } from '@pulses/broker-wire';
import { createSimClock, settle } from '@pulses/testing-sim';
import { createTestLogger } from '../testing/harness';
import { createMemoryLog } from '../testing/memory-log';
import { startGroupExpiry } from './group-expiry';
import { createGroups } from './groups';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

function setUp(idleMs: number) {
  const clock = createSimClock();
  const log = createMemoryLog(clock);
  const groups = createGroups(log, clock, { groupsPerConnectionMax: 2, leaseMsMax: 60_000 });
  const { logger, events } = createTestLogger();
  let count = 0;
  const observer = { groupExpired: () => (count += 1) };
  const start = () => startGroupExpiry({ log, groups, clock, logger, observer, idleMs });
  const expiry = start();
  const join = (group: string, owner = {}) => groups.join(owner, { group, member: 'm', leaseMs: 1_000 });
  const names = async () => (await log.groups()).map(({ group }) => group);
  const pass = async (ms: number) => {
    await clock.advance(ms);
    await settle();
  };
  return { clock, log, groups, events, start, expiry, join, names, pass, expired: () => count };
}

describe('the expiry of groups', () => {
  it('removes an idle group, and logs it with its topics and offsets', async () => {
    const { log, clock, events, join, names, pass, expired } = setUp(DAY_MS);
    const groupEpoch = await join('reader');
    const { incarnation } = await log.createTopic('source');
    const positions = [{ name: 'p', expectedRevision: 0, offset: 0, metadata: '' }];
    await log.commit({ group: 'reader', groupEpoch, topic: 'source', incarnation, positions, ...columnsOf([]) });
    const lastUsed = new Date(clock.nowMs()).toISOString();
    await pass(DAY_MS - 1_000);
    expect([await names(), events, expired()]).toEqual([['reader'], [], 0]);
    await pass(60_000);
    expect([await names(), expired()]).toEqual([[], 1]);
    expect(events).toEqual([
      {
        level: 'info',
        fields: {
          group: 'reader',
          lastUsed,
          positionCount: 1,
          positions: [{ topic: 'source', name: 'p', offset: 0 }],
        },
        message: 'consumer group expired',
      },
    ]);
  });

  it('leaves a group alone while it has a member that only sends heartbeats', async () => {
    const { groups, join, names, pass } = setUp(60_000);
    const epoch = await join('alive');
    await join('gone');
    for (let beats = 0; beats < 300; beats += 1) {
      await pass(900);
      groups.renew('alive', epoch);
    }
    expect(await names()).toEqual(['alive']);
    groups.leave('alive', epoch);
    await pass(120_000);
    expect(await names()).toEqual([]);
  });

  it('gives members an hour to come back after a start', async () => {
    const { clock, expiry, start, names, pass, join } = setUp(DAY_MS);
    await join('reader');
    expiry.stop();
    clock.jumpWall(10 * DAY_MS);
    start();
    await pass(HOUR_MS - 1);
    expect(await names()).toEqual(['reader']);
    await pass(1);
    expect(await names()).toEqual([]);
  });

  it('starts the time again for all groups when the clock is moved ahead', async () => {
    const { clock, names, pass, join, events } = setUp(DAY_MS);
    await join('reader');
    await pass(HOUR_MS);
    clock.jumpWall(10 * DAY_MS);
    await pass(DAY_MS - HOUR_MS);
    expect(await names()).toEqual(['reader']);
    expect(events).toEqual([
      {
        level: 'warn',
        fields: { aheadMs: 10 * DAY_MS, idleMs: DAY_MS },
        message: 'clock moved ahead: groups count as used now',
      },
    ]);
    await pass(HOUR_MS + 60_000);
    expect(await names()).toEqual([]);
  });

  it('removes all that are idle in one look, however many', async () => {
    const { log, names, pass, expired } = setUp(60_000);
    for (let number = 0; number < EXPIRED_GROUPS_MAX + 1; number += 1) await log.advanceGroupEpoch(`g${number}`);
    await pass(60_000);
    expect([await names(), expired()]).toEqual([[], EXPIRED_GROUPS_MAX + 1]);
  });

  it('ends with the server', async () => {
    const { expiry, join, names, pass } = setUp(60_000);
    await join('reader');
    expiry.stop();
    await pass(DAY_MS);
    expect(await names()).toEqual(['reader']);
  });
});
