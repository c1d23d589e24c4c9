import { describe, expect, it } from '@jest/globals';
import { createSimClock } from '@pulses/testing-sim';
import { createDeadline } from './deadline';

describe('a deadline', () => {
  it('runs out once, counted from the last start', async () => {
    const clock = createSimClock();
    let expirations = 0;
    const deadline = createDeadline(clock, 100, () => (expirations += 1));
    deadline.start();
    for (let round = 0; round < 10; round += 1) {
      await clock.advance(60);
      deadline.start();
    }
    expect([expirations, clock.timerCount]).toEqual([0, 1]);
    await clock.advance(99);
    expect([expirations, deadline.hasPassed]).toEqual([0, false]);
    await clock.advance(1);
    expect(expirations).toBe(1);
    await clock.advance(1000);
    expect([expirations, clock.timerCount]).toEqual([1, 0]);
  });

  it('does not run out after stop, and can be started again', async () => {
    const clock = createSimClock();
    let expirations = 0;
    const deadline = createDeadline(clock, 100, () => (expirations += 1));
    deadline.start();
    deadline.stop();
    await clock.advance(50);
    deadline.start();
    await clock.advance(99);
    expect(expirations).toBe(0);
    await clock.advance(1);
    expect(expirations).toBe(1);
  });

  it('gives its timer up when disposed', () => {
    const clock = createSimClock();
    const deadline = createDeadline(clock, 100, () => undefined);
    deadline.start();
    deadline.dispose();
    expect(clock.timerCount).toBe(0);
  });
});
