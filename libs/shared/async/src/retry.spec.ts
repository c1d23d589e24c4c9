import { describe, expect, it } from '@jest/globals';
import { PulsesError } from '@pulses/shared-errors';
import { createSimClock, createSimRandom, settle } from '@pulses/testing-sim';
import { backoffMs, retry } from './retry';

const lost = () => new PulsesError('CONNECTION_LOST');

function setUp(outcomes: readonly (Error | string)[], seed = 1) {
  const clock = createSimClock();
  const abort = new AbortController();
  const startedMs: number[] = [];
  const waits: { error: unknown; attempt: number; delayMs: number }[] = [];
  const result = retry(
    async () => {
      const outcome = outcomes[startedMs.length] ?? lost();
      startedMs.push(clock.monotonicMs());
      if (typeof outcome === 'string') return outcome;
      throw outcome;
    },
    {
      clock,
      random: createSimRandom(seed),
      signal: abort.signal,
      delayMsMin: 100,
      delayMsMax: 1000,
      onRetry: (error, attempt, delayMs) => waits.push({ error, attempt, delayMs }),
    },
  );
  result.catch(() => undefined);
  return { clock, abort, result, startedMs, waits };
}

describe('retrying', () => {
  it('returns the result of a first attempt that succeeds', async () => {
    const { result, clock } = setUp(['done']);
    expect(await result).toBe('done');
    expect(clock.timerCount).toBe(0);
  });

  it('retries after each retriable failure, once the announced wait is over', async () => {
    const failures = [lost(), new PulsesError('OVERLOADED'), new PulsesError('TIMED_OUT')];
    const { result, clock, startedMs, waits } = setUp([...failures, 'done']);
    await clock.advance(3000);
    expect(await result).toBe('done');
    expect(waits.map(({ error }) => error)).toEqual(failures);
    expect(waits.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    waits.forEach(({ delayMs }, index) => {
      expect((startedMs[index + 1] ?? 0) - (startedMs[index] ?? 0)).toBeCloseTo(delayMs, 6);
    });
  });

  it.each([new PulsesError('FENCED'), new TypeError('a bug')])('gives up on %s', async (failure) => {
    const { result, startedMs, waits } = setUp([failure]);
    await expect(result).rejects.toBe(failure);
    expect(startedMs).toHaveLength(1);
    expect(waits).toEqual([]);
  });

  it('ends a wait with the reason of the signal and leaves no timer', async () => {
    const { result, clock, abort, startedMs } = setUp([]);
    await settle();
    expect(clock.timerCount).toBe(1);
    const reason = new Error('stopping');
    abort.abort(reason);
    await expect(result).rejects.toBe(reason);
    expect(clock.timerCount).toBe(0);
    await clock.advance(10_000);
    expect(startedMs).toHaveLength(1);
  });

  it('does not start once the signal has aborted', async () => {
    const reason = new Error('too late');
    const clock = createSimClock();
    const options = {
      clock,
      random: createSimRandom(1),
      signal: AbortSignal.abort(reason),
      delayMsMin: 1,
      delayMsMax: 1,
    };
    let calls = 0;
    await expect(retry(async () => (calls += 1), options)).rejects.toBe(reason);
    expect(calls).toBe(0);
    expect(clock.timerCount).toBe(0);
  });
});

describe('the backoff', () => {
  const boundOf = (attempt: number) =>
    backoffMs(attempt, {
      random: { fraction: () => 1, bytes: () => new Uint8Array(0) },
      delayMsMin: 100,
      delayMsMax: 1000,
    });

  it('doubles its bound up to the maximum', () => {
    expect([1, 2, 3, 4, 5, 6, 1000, 2 ** 40].map(boundOf)).toEqual([100, 200, 400, 800, 1000, 1000, 1000, 1000]);
  });

  it('is uniform between zero and its bound', () => {
    const random = createSimRandom(7);
    const waits = Array.from({ length: 1000 }, () => backoffMs(3, { random, delayMsMin: 100, delayMsMax: 1000 }));
    for (const wait of waits) expect(wait >= 0 && wait < 400).toBe(true);
    // Full jitter: all four quarters of the range occur.
    expect(new Set(waits.map((wait) => Math.floor(wait / 100)))).toEqual(new Set([0, 1, 2, 3]));
  });
});
