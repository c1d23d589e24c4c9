import { describe, expect, it } from '@jest/globals';
import { createSimClock, settle } from '@pulses/testing-sim';
import { DRAIN_MS, stopLoad } from './stop-load';

function createProducer(isUnderWay: boolean) {
  const calls: string[] = [];
  const producer = {
    isUnderWay,
    abort: () => calls.push('abort'),
    close: () => {
      calls.push('close');
      return Promise.resolve();
    },
  };
  return { producer, calls };
}

/** Stops a load whose publishing does not end by itself. */
function stop(isUnderWay: boolean) {
  const clock = createSimClock();
  const { producer, calls } = createProducer(isUnderWay);
  const { promise: publishing, resolve: answer, reject: fail } = Promise.withResolvers<void>();
  let hasStopped = false;
  const stopped = stopLoad(producer, publishing, clock).then(() => (hasStopped = true));
  return { clock, calls, answer, fail, stopped, hasStopped: () => hasStopped };
}

describe('stopping a load', () => {
  it('waits for nothing when nothing is under way', async () => {
    const { calls, stopped } = stop(false);
    await stopped;
    expect(calls).toEqual(['abort', 'close']);
  });

  it('waits for answers that are on their way', async () => {
    const { clock, calls, answer, hasStopped } = stop(true);
    await clock.advance(DRAIN_MS - 1);
    expect([calls, hasStopped()]).toEqual([[], false]);
    answer();
    await settle();
    expect([calls, hasStopped()]).toEqual([['close'], true]);
    await clock.advance(DRAIN_MS);
    expect(calls).toEqual(['close']);
  });

  it('gives up on answers that do not come', async () => {
    const { clock, calls, hasStopped } = stop(true);
    await clock.advance(DRAIN_MS);
    expect([calls, hasStopped()]).toEqual([['abort', 'close'], true]);
  });

  it('is not kept by a load that fails meanwhile', async () => {
    const { calls, fail, stopped } = stop(true);
    fail(new Error('refused'));
    await stopped;
    expect(calls).toEqual(['close']);
  });
});
