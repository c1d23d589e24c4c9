import { describe, expect, it } from '@jest/globals';
import { PulsesError } from '@pulses/shared-errors';
import type { Clock } from '@pulses/shared-ports';
import { createSimClock, settle } from '@pulses/testing-sim';
import { GroupPartitions } from './group-partitions';
import type { KafkaSession } from './kafka-session';

const { signal } = new AbortController();
const nothing = () => undefined;

function rig(othersHoldAll = false) {
  const clock = createSimClock();
  const partitions = new GroupPartitions(clock, () => Promise.resolve(othersHoldAll));
  const ended: [partition: number, code: string][] = [];
  const take = async (): Promise<number> => {
    const taken = await partitions.take(signal, nothing);
    if (typeof taken !== 'number') throw new Error('a session was opened ahead');
    return taken;
  };
  const add = (partition: number): KafkaSession => {
    const session = {
      end: (reason: PulsesError) => {
        ended.push([partition, reason.code]);
        partitions.release(partition);
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    };
    partitions.add(partition, session as unknown as KafkaSession);
    return session as unknown as KafkaSession;
  };
  const open = async (): Promise<number> => {
    const partition = await take();
    add(partition);
    return partition;
  };
  return { clock, partitions, ended, take, add, open };
}

describe('the partitions of a member', () => {
  it('are taken once each, and again when their session has ended', async () => {
    const { partitions, open } = rig();
    partitions.events.onAssigned(new Set([0, 2]));
    expect([await open(), await open()]).toEqual([0, 2]);
    const further = open();
    await settle();
    partitions.release(2);
    expect(await further).toBe(2);
  });

  it('that are revoked end their sessions with FENCED, and no others', async () => {
    const { partitions, ended, open } = rig();
    partitions.events.onAssigned(new Set([0, 1, 2]));
    for (let count = 0; count < 3; count += 1) await open();
    await partitions.events.onRevoked(new Set([1]));
    expect(ended).toEqual([[1, 'FENCED']]);
  });

  it('that could not be opened come after the others, and after their time', async () => {
    const { clock, partitions, open } = rig();
    partitions.events.onAssigned(new Set([0, 1, 2]));
    expect(await partitions.take(signal, nothing)).toBe(0);
    partitions.leaveAlone(0, 1_000);
    expect(await partitions.take(signal, nothing)).toBe(1);
    partitions.leaveAlone(1, 0);
    expect([await open(), await open()]).toEqual([2, 1]);
    const last = open();
    await clock.advance(999);
    partitions.events.onAssigned(new Set([0, 1, 2]));
    await settle();
    await clock.advance(1);
    expect(await last).toBe(0);
    expect(clock.timerCount).toBe(0);
  });

  it('that are left alone come back although the timer is early', async () => {
    const clock = createSimClock();
    const early: Clock = {
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      setTimer: (delayMs, ...rest) => clock.setTimer(delayMs - 1, ...rest),
    };
    const partitions = new GroupPartitions(early, () => Promise.resolve(false));
    partitions.events.onAssigned(new Set([0]));
    expect(await partitions.take(signal, nothing)).toBe(0);
    partitions.leaveAlone(0, 100);
    const again = partitions.take(signal, nothing);
    await clock.advance(99);
    expect(await Promise.race([again, settle().then(() => 'waits')])).toBe(0);
  });

  it('are told at each change, once the group has said which they are, and not when it is out of reach', () => {
    const { partitions } = rig();
    const told: number[][] = [];
    partitions.tellShare((held) => told.push([...held]));
    expect(told).toEqual([]);
    partitions.events.onAssigned(new Set([0, 3]));
    void partitions.events.onRevoked(new Set([3]));
    partitions.events.onLost(new PulsesError('CONNECTION_LOST'));
    partitions.tellShare((held) => told.push([...held]));
    expect(told).toEqual([[0, 3], [0]]);
  });

  it('are opened ahead, as many at once as is allowed, for the next calls', async () => {
    const { partitions, take, add } = rig();
    partitions.events.onAssigned(new Set([0, 1, 2, 3]));
    expect(await take()).toBe(0);
    expect(partitions.takeFree(3)).toEqual([1, 2]);
    expect(partitions.takeFree(3)).toEqual([]);
    const ahead = add(1);
    partitions.offer(1, ahead);
    expect(partitions.sessionCount).toBe(0);
    expect(await partitions.take(signal, nothing)).toBe(ahead);
    expect(partitions.sessionCount).toBe(1);
    const next = partitions.take(signal, nothing);
    expect(await next).toBe(3);
    const waiting = partitions.take(signal, nothing);
    const later = add(2);
    partitions.offer(2, later);
    expect(await waiting).toBe(later);
  });

  it('that go to another member before a call has their session are not answered', async () => {
    const { partitions, ended, add } = rig();
    partitions.events.onAssigned(new Set([5]));
    expect(partitions.takeFree(1)).toEqual([5]);
    partitions.offer(5, add(5));
    await partitions.events.onRevoked(new Set([5]));
    expect(ended).toEqual([[5, 'FENCED']]);
    partitions.events.onAssigned(new Set([6]));
    expect(await partitions.take(signal, nothing)).toBe(6);
  });

  it('are given up only once a session that is being opened is there or has failed', async () => {
    const { partitions, take } = rig();
    partitions.events.onAssigned(new Set([4]));
    const partition = await take();
    let isGivenUp = false;
    const revoked = partitions.events.onRevoked(new Set([4])).then(() => {
      isGivenUp = true;
    });
    await settle();
    expect(isGivenUp).toBe(false);
    expect(() => {
      partitions.add(partition, undefined as unknown as KafkaSession);
    }).toThrow(PulsesError);
    partitions.release(partition);
    await revoked;
  });

  it('end all when the membership is lost, and no call waits any more', async () => {
    const { partitions, ended, open } = rig();
    partitions.events.onAssigned(new Set([0]));
    await open();
    const waiting = open();
    const lost = new PulsesError('CONNECTION_LOST', 'gone');
    partitions.events.onLost(lost);
    await expect(waiting).rejects.toBe(lost);
    expect(ended).toEqual([[0, 'CONNECTION_LOST']]);
    await expect(open()).rejects.toBe(lost);
  });

  it.each([
    [true, 1],
    [false, 0],
  ])('tell of a standby only when others hold them all (%s)', async (othersHoldAll, calls) => {
    const { clock, partitions } = rig(othersHoldAll);
    const abort = new AbortController();
    let told = 0;
    const taking = partitions.take(abort.signal, () => {
      told += 1;
    });
    await clock.advance(10_000);
    expect(told).toBe(calls);
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(taking).rejects.toBe(reason);
  });

  it('tell of no standby when one comes in time', async () => {
    const { clock, partitions } = rig(true);
    let told = 0;
    const taking = partitions.take(signal, () => {
      told += 1;
    });
    partitions.events.onAssigned(new Set([3]));
    expect(await taking).toBe(3);
    await clock.advance(10_000);
    expect(told).toBe(0);
  });
});
