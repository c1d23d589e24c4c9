import { describe, expect, it } from '@jest/globals';
import { PulsesError } from '@pulses/shared-errors';
import { createSimClock, settle } from '@pulses/testing-sim';
import { createGroups } from './groups';
import { createMemoryLog } from '../testing/memory-log';

function setUp() {
  const clock = createSimClock();
  const log = createMemoryLog(clock);
  const groups = createGroups(log, clock, { groupsPerConnectionMax: 2, leaseMsMax: 60_000 });
  const join = (owner: object, leaseMs = 1000, group = 'g') => groups.join(owner, { group, member: 'm', leaseMs });
  return { clock, log, groups, join };
}

const GONE = new PulsesError('CONNECTION_LOST');

/** What has become of a promise. */
async function stateOf(promise: Promise<unknown>): Promise<unknown> {
  await settle();
  return Promise.race([promise.catch((error: unknown) => error), Promise.resolve('waits')]);
}

describe('group membership', () => {
  it('makes the first member active and keeps the others waiting in order', async () => {
    const { groups, join } = setUp();
    const [a, b, c] = [{}, {}, {}];
    expect(await join(a)).toBe(1);
    const second = join(b);
    const third = join(c);
    expect(await stateOf(second)).toBe('waits');
    groups.leave('g', 1);
    expect(await second).toBe(2);
    expect(await stateOf(third)).toBe('waits');
    groups.leaveAll(b, GONE);
    expect(await third).toBe(3);
  });

  it('answers only after the epoch is stored', async () => {
    const { log, join } = setUp();
    log.holdDisk();
    const joined = join({});
    expect(await stateOf(joined)).toBe('waits');
    log.releaseDisk();
    expect(await joined).toBe(1);
  });

  it('ends a membership whose lease passes, and fences its commits and heartbeats from then on', async () => {
    const { clock, groups, join } = setUp();
    await join({}, 1000);
    const standby = join({}, 1000);
    await clock.advance(600);
    groups.renew('g', 1);
    await clock.advance(999);
    groups.renew('g', 1);
    await clock.advance(1000);
    expect(await standby).toBe(2);
    expect(() => groups.renew('g', 1)).toThrow(expect.objectContaining({ code: 'FENCED' }));
    groups.renew('g', 2);
  });

  it('fences a member whose lease has passed although its timer has not run yet', async () => {
    const clock = createSimClock();
    const lateClock = { ...clock, setTimer: () => ({ cancel: () => undefined }) };
    const groups = createGroups(createMemoryLog(clock), lateClock, { groupsPerConnectionMax: 2, leaseMsMax: 60_000 });
    await groups.join({}, { group: 'g', member: 'm', leaseMs: 1000 });
    await clock.advance(1000);
    expect(() => groups.renew('g', 1)).toThrow(expect.objectContaining({ code: 'FENCED' }));
  });

  it('lets a fenced member join again', async () => {
    const { clock, groups, join } = setUp();
    const owner = {};
    await join(owner, 1000);
    await clock.advance(1000);
    expect(() => groups.renew('g', 1)).toThrow(expect.objectContaining({ code: 'FENCED' }));
    expect(await join(owner)).toBe(2);
  });

  it('passes over a member that leaves while its epoch is being stored', async () => {
    const { log, groups, join } = setUp();
    log.holdDisk();
    const a = {};
    const first = join(a);
    const second = join({});
    groups.leaveAll(a, GONE);
    log.releaseDisk();
    await expect(first).rejects.toBe(GONE);
    expect(await second).toBe(2);
    expect(() => groups.renew('g', 1)).toThrow(expect.objectContaining({ code: 'FENCED' }));
  });

  it('rejects the member whose epoch can not be stored, and tries the next', async () => {
    const { log, join } = setUp();
    const full = new PulsesError('STORAGE_FULL');
    log.refuseWith(full);
    const first = join({});
    await expect(first).rejects.toBe(full);
    log.refuseWith(undefined);
    expect(await join({})).toBe(1);
  });

  it('ends every membership of an owner that goes, waiting ones too', async () => {
    const { groups, join } = setUp();
    const [a, b] = [{}, {}];
    await join(a, 1000, 'g');
    await join(b, 1000, 'h');
    const waiting = join(a, 1000, 'h');
    groups.leaveAll(a, GONE);
    await expect(waiting).rejects.toBe(GONE);
    expect(await join(b, 1000, 'g')).toBe(2);
  });

  it('keeps groups apart, and bounds leases and groups of one owner', async () => {
    const { groups, join } = setUp();
    const owner = {};
    expect(await join(owner, 1000, 'g')).toBe(1);
    expect(() => join(owner, 1000, 'g')).toThrow(expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }));
    expect(await join(owner, 1000, 'h')).toBe(1);
    expect(() => join(owner, 1000, 'i')).toThrow(expect.objectContaining({ code: 'OVERLOADED' }));
    expect(() => join({}, 0, 'j')).toThrow(expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }));
    expect(() => join({}, 60_001, 'j')).toThrow(expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }));
    expect(() => groups.renew('nobody', 0)).toThrow(expect.objectContaining({ code: 'FENCED' }));
  });
});
