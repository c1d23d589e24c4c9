import { describe, expect, it } from '@jest/globals';
import { createSimClock } from '@pulses/testing-sim';
import { createFairScheduler, type FairScheduler } from './fair-scheduler';

const REST_MS = 5;

/** Resolves when everything due in this tick of the event loop has run. */
const endOfTurn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

function turnsOf(perTurn: number, mustRest = false) {
  const clock = createSimClock();
  return { clock, turns: createFairScheduler({ clock, perTurn, restMs: REST_MS, mustRest: () => mustRest }) };
}

/** Starts `count` callers at once; collects their numbers as they run. */
function callers(turns: FairScheduler, count: number): number[] {
  const done: number[] = [];
  for (let index = 0; index < count; index += 1) void turns.take().then(() => done.push(index));
  return done;
}

describe('a fair scheduler', () => {
  it('runs a share of the callers in each tick of the event loop, in order', async () => {
    const { turns } = turnsOf(2);
    const done = callers(turns, 5);
    await Promise.resolve();
    expect(done).toEqual([0, 1]);
    await endOfTurn();
    expect(done).toEqual([0, 1, 2, 3]);
    void turns.take().then(() => done.push(5));
    await endOfTurn();
    expect(done).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('counts anew in each tick', async () => {
    const { turns } = turnsOf(1);
    for (let round = 1; round <= 3; round += 1) {
      const done = callers(turns, 1);
      await Promise.resolve();
      expect(done).toEqual([0]);
      await endOfTurn();
    }
  });

  it('rests after a tick whose share was used up, when it must', async () => {
    const { turns, clock } = turnsOf(2, true);
    const done = callers(turns, 6);
    await endOfTurn();
    expect(done).toEqual([0, 1, 2, 3]);
    await endOfTurn();
    expect(done).toEqual([0, 1, 2, 3]);
    await clock.advance(REST_MS);
    await endOfTurn();
    expect(done).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('take more at a time when many wait', async () => {
    const { turns, clock } = turnsOf(2, true);
    const done = callers(turns, 6_400);
    let rests = 0;
    for (; done.length < 6_400; rests += 1) {
      await clock.advance(REST_MS);
      await endOfTurn();
    }
    expect(done).toEqual(Array.from({ length: 6_400 }, (_, index) => index));
    expect(rests).toBeLessThan(200);
  });

  it('does not rest after a tick of fewer callers', async () => {
    const { turns } = turnsOf(4, true);
    const done = callers(turns, 6);
    await endOfTurn();
    expect(done).toHaveLength(6);
    await endOfTurn();
    const later = callers(turns, 1);
    await Promise.resolve();
    expect(later).toEqual([0]);
  });
});
