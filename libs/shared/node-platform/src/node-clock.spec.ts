import { describe, expect, it } from '@jest/globals';
import { nodeClock } from './node-clock';
import { nodeRandom } from './node-random';

describe('the clock of the system', () => {
  it('returns whole milliseconds since the epoch', () => {
    const before = Date.now();
    const now = nodeClock.nowMs();
    expect(Number.isInteger(now)).toBe(true);
    expect(now >= before && now <= Date.now()).toBe(true);
  });

  it('has a monotonic time that never runs backwards', () => {
    let last = nodeClock.monotonicMs();
    for (let reading = 0; reading < 10_000; reading += 1) {
      const now = nodeClock.monotonicMs();
      if (now < last) throw new Error(`${now} after ${last}`);
      last = now;
    }
    expect(last).toBeGreaterThan(0);
  });

  it('runs each timer once in order of due time, and no cancelled one', async () => {
    const ran: string[] = [];
    await new Promise<void>((resolve) => {
      nodeClock.setTimer(20, () => {
        ran.push('late');
        resolve();
      });
      nodeClock.setTimer(1, () => ran.push('early'));
      nodeClock.setTimer(5, () => ran.push('cancelled')).cancel();
      nodeClock.setTimer(1, () => ran.push('also early'), { keepAlive: false });
    });
    expect(ran).toEqual(['early', 'also early', 'late']);
  });

  it('ignores the cancellation of a timer that has run', async () => {
    const timer = await new Promise<ReturnType<typeof nodeClock.setTimer>>((resolve) => {
      const set = nodeClock.setTimer(0, () => {
        resolve(set);
      });
    });
    expect(() => {
      timer.cancel();
      timer.cancel();
    }).not.toThrow();
  });
});

describe('the randomness of the system', () => {
  it('returns the requested number of bytes, different each time', () => {
    expect([0, 1, 16, 100].map((count) => nodeRandom.bytes(count).byteLength)).toEqual([0, 1, 16, 100]);
    const ids = Array.from({ length: 1000 }, () => Buffer.from(nodeRandom.bytes(16)).toString('hex'));
    expect(new Set(ids).size).toBe(1000);
  });

  it('returns bytes in memory of their own, not a view of a pool', () => {
    const bytes = nodeRandom.bytes(16);
    expect(bytes.buffer.byteLength).toBe(16);
  });

  it('returns fractions in [0, 1)', () => {
    const fractions = Array.from({ length: 10_000 }, () => nodeRandom.fraction());
    expect(fractions.every((fraction) => fraction >= 0 && fraction < 1)).toBe(true);
    expect(new Set(fractions.map((fraction) => Math.floor(fraction * 10))).size).toBe(10);
  });
});
