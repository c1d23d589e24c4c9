import { describe, expect, it } from '@jest/globals';
import { createSimClock } from '@pulses/testing-sim';
import { LogLiveness } from './log-liveness';

describe('a log', () => {
  it('is in trouble within 5 s once it no longer answers, until it does or another session begins', async () => {
    const clock = createSimClock();
    const liveness = new LogLiveness(clock);
    let pending = Promise.withResolvers<void>();
    pending.resolve();
    liveness.watch(() => pending.promise);
    await clock.advance(10_000);
    expect(liveness.trouble).toBeUndefined();
    pending = Promise.withResolvers<void>();
    await clock.advance(5_000);
    expect(liveness.trouble).toBe('the broker does not answer');
    pending.resolve();
    await clock.advance(1);
    expect(liveness.trouble).toBeUndefined();
    liveness.watch(() => new Promise(() => undefined));
    await clock.advance(5_000);
    expect(liveness.trouble).toBe('the broker does not answer');
    liveness.watch(undefined);
    expect(liveness.trouble).toBeUndefined();
    liveness.stop();
  });

  it('is in trouble within 5 s while its time stands ahead of the clock', async () => {
    const clock = createSimClock();
    const liveness = new LogLiveness(clock);
    const aheadMs = clock.nowMs() + 3_600_000;
    for (let head = 0; head < 5; head += 1) {
      liveness.atHead(aheadMs);
      await clock.advance(1_000);
    }
    expect(liveness.trouble).toMatch(/^the log's time stands still, 3595 s ahead of the clock: no window closes/);
    liveness.atHead(aheadMs + 1);
    expect(liveness.trouble).toBeUndefined();
    for (let head = 0; head < 5; head += 1) {
      liveness.atHead(clock.nowMs() + 60_000);
      await clock.advance(1_000);
    }
    expect(liveness.trouble).toBeUndefined();
    liveness.stop();
  });
});
