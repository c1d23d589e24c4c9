import { describe, expect, it } from '@jest/globals';
import { createSimClock } from '@pulses/testing-sim';
import { Ticker } from './ticker';

const AHEAD_MS = 5_000;

/** A log whose clock is `AHEAD_MS` ahead of ours. Each tick takes the next offset, from 10 on. */
function rig() {
  const clock = createSimClock();
  const ticks: number[] = [];
  let failure: Error | undefined;
  const failures: unknown[] = [];
  const logNowMs = () => clock.nowMs() + AHEAD_MS;
  const ticker = new Ticker({
    clock,
    append: () => {
      if (failure !== undefined) return Promise.reject(failure);
      ticks.push(logNowMs());
      return Promise.resolve({ baseOffset: 9 + ticks.length, logAppendTimeMs: logNowMs() });
    },
    onFailure: (error) => failures.push(error),
  });
  /** Everything is read, up to the ticks so far. */
  const readAll = () => {
    ticker.update({ isAtHead: true, nextOffset: 10 + ticks.length, clockMs: ticks.at(-1) ?? 0 });
  };
  const pass = (ms: number) => clock.advance(ms);
  return {
    ticker,
    ticks,
    failures,
    logNowMs,
    readAll,
    pass,
    break: (error: Error) => {
      failure = error;
    },
  };
}

describe('ticks of a source', () => {
  it('are not sent while nothing is wanted, or messages are unread', async () => {
    const { ticker, ticks, readAll, pass, logNowMs } = rig();
    readAll();
    await pass(5_000);
    ticker.update({ isAtHead: false, nextOffset: 3, clockMs: 0 });
    ticker.want(logNowMs());
    await pass(5_000);
    expect(ticks).toEqual([]);
  });

  it('come when the log has passed the time, by its own clock, and end once it is read', async () => {
    const { ticker, ticks, readAll, pass, logNowMs } = rig();
    readAll();
    ticker.want(logNowMs());
    await pass(20);
    expect(ticks).toHaveLength(1);
    readAll();
    const wantedMs = logNowMs() + 3_000;
    ticker.want(wantedMs);
    await pass(2_900);
    expect(ticks).toHaveLength(1);
    await pass(200);
    expect(ticks).toHaveLength(2);
    expect(ticks[1]).toBeGreaterThanOrEqual(wantedMs);
    readAll();
    await pass(10_000);
    expect(ticks).toHaveLength(2);
  });

  it('come at most once a second, and never while one is unread', async () => {
    const { ticker, ticks, readAll, pass, logNowMs } = rig();
    readAll();
    ticker.want(logNowMs());
    await pass(10_000);
    expect(ticks).toHaveLength(1);
    for (let round = 0; round < 5; round += 1) {
      readAll();
      ticker.want(logNowMs() + 1);
      await pass(500);
    }
    expect(ticks.length).toBeLessThanOrEqual(4);
    for (const [index, tick] of ticks.slice(1).entries())
      expect(tick - (ticks[index] ?? 0)).toBeGreaterThanOrEqual(1_000);
  });

  it('end with a failure, which is told once, or with a close', async () => {
    const failing = rig();
    failing.break(new Error('refused'));
    failing.readAll();
    failing.ticker.want(failing.logNowMs());
    await failing.pass(5_000);
    expect(failing.failures).toHaveLength(1);
    const closed = rig();
    closed.readAll();
    closed.ticker.want(closed.logNowMs());
    closed.ticker.close();
    await closed.pass(5_000);
    expect(closed.ticks).toEqual([]);
  });
});
