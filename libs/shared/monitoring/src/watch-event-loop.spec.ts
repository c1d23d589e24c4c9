import { describe, expect, it } from '@jest/globals';
import { createSimClock } from '@pulses/testing-sim';
import { watchEventLoop } from './watch-event-loop';

describe('the lag of the event loop', () => {
  it('is 0 while timers run in time', async () => {
    const clock = createSimClock();
    const lags: number[] = [];
    watchEventLoop(clock, (seconds) => lags.push(seconds));
    await clock.advance(1_000);
    expect(lags).toEqual([0, 0, 0, 0]);
  });

  it('is the time for which the loop was blocked, and 0 for a timer that runs early', () => {
    let [nowMs, run] = [0, () => undefined as void];
    const lags: number[] = [];
    watchEventLoop(
      {
        ...createSimClock(),
        monotonicMs: () => nowMs,
        setTimer: (_, timer) => {
          run = timer;
          return { cancel: () => undefined };
        },
      },
      (seconds) => lags.push(seconds),
    );
    for (const sinceLastMs of [250, 550, 249.5]) {
      nowMs += sinceLastMs;
      run();
    }
    expect(lags).toEqual([0, 0.3, 0]);
  });
});
