import { describe, expect, it } from '@jest/globals';
import { createSimClock } from '@pulses/testing-sim';
import { startMaintenance } from './maintenance';

describe('maintenance', () => {
  it('begins after the first time, and again after each end', async () => {
    const clock = createSimClock();
    const works: PromiseWithResolvers<void>[] = [];
    const { stop } = startMaintenance(clock, { firstMs: 5, everyMs: 20 }, () => {
      works.push(Promise.withResolvers());
      return works.at(-1)!.promise; // pushed just now
    });
    await clock.advance(4);
    expect(works).toHaveLength(0);
    await clock.advance(1);
    expect(works).toHaveLength(1);
    await clock.advance(100);
    expect(works).toHaveLength(1);
    works[0]!.resolve();
    await clock.advance(19);
    expect(works).toHaveLength(1);
    await clock.advance(1);
    expect(works).toHaveLength(2);
    works[1]!.resolve();
    await stop();
  });

  it('waits at its stop for the work under way, and begins none afterwards', async () => {
    const clock = createSimClock();
    const work = Promise.withResolvers<void>();
    let begun = 0;
    const { stop } = startMaintenance(clock, { firstMs: 5, everyMs: 5 }, () => {
      begun += 1;
      return work.promise;
    });
    await clock.advance(5);
    let isStopped = false;
    const stopped = stop().then(() => {
      isStopped = true;
    });
    await clock.advance(5);
    expect(isStopped).toBe(false);
    work.resolve();
    await stopped;
    await clock.advance(50);
    expect([begun, clock.timerCount]).toEqual([1, 0]);
  });

  it('never begins when it is stopped before its first time', async () => {
    const clock = createSimClock();
    let begun = 0;
    const { stop } = startMaintenance(clock, { firstMs: 5, everyMs: 5 }, () => {
      begun += 1;
      return Promise.resolve();
    });
    await stop();
    await clock.advance(50);
    expect(begun).toBe(0);
  });
});
