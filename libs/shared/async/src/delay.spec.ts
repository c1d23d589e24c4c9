import { describe, expect, it } from '@jest/globals';
import { createSimClock, settle } from '@pulses/testing-sim';
import { delay, withTimeout } from './delay';

describe('a delay', () => {
  it('rejects at once with the reason of an aborted signal and sets no timer', async () => {
    const reason = new Error('too late');
    const clock = createSimClock();
    await expect(delay(5, clock, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(clock.timerCount).toBe(0);
  });

  it('removes its listener from the signal when it ends', async () => {
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

describe('a promise with a time-out', () => {
  it('resolves to a result that comes in time and leaves no timer', async () => {
    const clock = createSimClock();
    expect(await withTimeout(Promise.resolve('in time'), 100, clock)).toBe('in time');
    await settle();
    expect(clock.timerCount).toBe(0);
  });

  it('resolves to undefined at the limit and not before', async () => {
    const clock = createSimClock();
    let answer: unknown = 'waiting';
    void withTimeout(new Promise(() => undefined), 100, clock).then((given) => {
      answer = given;
    });
    await clock.advance(99);
    expect(answer).toBe('waiting');
    await clock.advance(1);
    expect(answer).toBeUndefined();
  });

  it('passes on a rejection', async () => {
    const failure = new Error('broken');
    await expect(withTimeout(Promise.reject(failure), 100, createSimClock())).rejects.toBe(failure);
  });
});
