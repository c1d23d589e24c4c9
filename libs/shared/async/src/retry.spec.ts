import { describe, expect, it } from '@jest/globals';
import { PulsesError } from '@pulses/shared-errors';
import { createSimClock, createSimRandom, settle } from '@pulses/testing-sim';
import { backoffMs, delay, retry, within } from './retry';

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
  it('answers at once what succeeds at once', async () => {
    const { result, clock } = setUp(['done']);
    expect(await result).toBe('done');
    expect(clock.timerCount).toBe(0);
  });

  it('goes on after retriable failures, each after the wait it announced', async () => {
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
    await expect(delay(5, clock, options.signal)).rejects.toBe(reason);
    expect(calls).toBe(0);
    expect(clock.timerCount).toBe(0);
  });

  it('keeps no listener on the signal of a wait that is over', async () => {
    const clock = createSimClock();
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    };
    const waited = delay(5, clock, signal);
    await clock.advance(5);
    await waited;
    expect(listeners).toBe(0);
  });
});

describe('the wait before an attempt', () => {
  const boundOf = (attempt: number) =>
    backoffMs(attempt, {
      random: { fraction: () => 1, bytes: () => new Uint8Array(0) },
      delayMsMin: 100,
      delayMsMax: 1000,
    });

  it('doubles its bound up to the largest', () => {
    expect([1, 2, 3, 4, 5, 6, 1000, 2 ** 40].map(boundOf)).toEqual([100, 200, 400, 800, 1000, 1000, 1000, 1000]);
  });

  it('lies anywhere between nothing and its bound', () => {
    const random = createSimRandom(7);
    const waits = Array.from({ length: 1000 }, () => backoffMs(3, { random, delayMsMin: 100, delayMsMax: 1000 }));
    for (const wait of waits) expect(wait >= 0 && wait < 400).toBe(true);
    // Full jitter: the four quarters of the range are all in use.
    expect(new Set(waits.map((wait) => Math.floor(wait / 100)))).toEqual(new Set([0, 1, 2, 3]));
  });
});

describe('a wait with a limit', () => {
  it('gives the result that comes in time, and leaves no timer', async () => {
    const clock = createSimClock();
    expect(await within(Promise.resolve('in time'), 100, clock)).toBe('in time');
    await settle();
    expect(clock.timerCount).toBe(0);
  });

  it('gives up at the limit and not before', async () => {
    const clock = createSimClock();
    let answer: unknown = 'waiting';
    void within(new Promise(() => undefined), 100, clock).then((given) => {
      answer = given;
    });
    await clock.advance(99);
    expect(answer).toBe('waiting');
    await clock.advance(1);
    expect(answer).toBeUndefined();
  });

  it('rejects with what the promise rejects with', async () => {
    const failure = new Error('broken');
    await expect(within(Promise.reject(failure), 100, createSimClock())).rejects.toBe(failure);
  });
});
