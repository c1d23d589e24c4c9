import { describe, expect, it } from '@jest/globals';
import { createSimClock } from '@pulses/testing-sim';
import { createTokenBucket } from './token-bucket';

describe('a token bucket', () => {
  it('lets a burst begin at once and the others one after the other, in order', async () => {
    const clock = createSimClock();
    const bucket = createTokenBucket(clock, 10, 3);
    const begun: number[] = [];
    for (let index = 0; index < 6; index += 1) bucket.begin(() => begun.push(index));
    expect(begun).toEqual([0, 1, 2]);
    await clock.advance(99);
    expect(begun).toEqual([0, 1, 2]);
    await clock.advance(1);
    expect(begun).toEqual([0, 1, 2, 3]);
    await clock.advance(200);
    expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
    expect(clock.timerCount).toBe(0);
  });

  it('starts all that wait when it is told to', async () => {
    const clock = createSimClock();
    const bucket = createTokenBucket(clock, 10, 1);
    let begun = 0;
    for (let index = 0; index < 5; index += 1) bucket.begin(() => (begun += 1));
    bucket.flush();
    expect(begun).toBe(5);
    await clock.advance(1_000);
    expect([begun, clock.timerCount]).toEqual([5, 0]);
  });

  it('saves up no more than the burst', async () => {
    const clock = createSimClock();
    const bucket = createTokenBucket(clock, 10, 2);
    await clock.advance(60_000);
    let begun = 0;
    for (let index = 0; index < 5; index += 1) bucket.begin(() => (begun += 1));
    expect(begun).toBe(2);
  });
});
