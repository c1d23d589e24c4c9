import { describe, expect, it } from '@jest/globals';
import { PulsesError } from '@pulses/shared-errors';
import { formatAmount } from '@pulses/shared-pulse-model';
import { createSimClock, type SimClock } from '@pulses/testing-sim';
import { createLoadModel } from './load-model';
import { createTotals, publishLoad, secondsOf, type PublishOptions, type Totals } from './publish-load';

type LoadProducer = PublishOptions['producer'];

interface Sink extends LoadProducer {
  readonly lines: string[];
  /** Makes `ready` wait until it is called again with false. */
  block(isBlocked: boolean): void;
}

function createSink(failAfter = Infinity): Sink {
  const lines: string[] = [];
  let isBlocked = false;
  let wake: () => void = () => undefined;
  return {
    lines,
    send(payload, recordCount) {
      if (lines.length + recordCount > failAfter) return Promise.reject(new PulsesError('FENCED'));
      lines.push(...Buffer.from(payload).toString().trimEnd().split('\n'));
      return Promise.resolve();
    },
    async ready() {
      while (isBlocked)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    },
    block(blocked) {
      isBlocked = blocked;
      wake();
    },
  };
}

describe('publishing a load', () => {
  const model = () => createLoadModel({ tenants: 2, skus: 2, seed: 5, skew: 0 });

  function publish(
    producer: LoadProducer,
    { rate, count = Infinity, clock = createSimClock() }: { rate: number; count?: number; clock?: SimClock },
  ): { done: Promise<void>; totals: Totals; abort: AbortController } {
    const [totals, abort] = [createTotals(), new AbortController()];
    const done = publishLoad({ producer, model: model(), totals, rate, count, clock, signal: abort.signal });
    done.catch(() => undefined);
    return { done, totals, abort };
  }

  it('sends the exact count, and sums what was acknowledged', async () => {
    const sink = createSink();
    const { done, totals } = publish(sink, { rate: Infinity, count: 2_345 });
    await done;
    expect(sink.lines.length).toBe(2_345);
    expect([totals.sent, totals.acknowledged]).toEqual([2_345, 2_345]);
    expect(formatAmount(totals.amount)).toBe(formatAmount(model().next(2_345).amount));
  });

  it.each([0.5, 10, 250, 30_000])('keeps to %d pulses a second', async (rate) => {
    const [sink, clock] = [createSink(), createSimClock()];
    const { done, abort, totals } = publish(sink, { rate, clock });
    await clock.advance(10_000);
    abort.abort();
    await done;
    expect(sink.lines.length).toBeGreaterThanOrEqual(rate * 9.9);
    expect(sink.lines.length).toBeLessThanOrEqual(rate * 10 + 1);
    expect(secondsOf(totals)).toBeLessThanOrEqual(10);
  });

  it('catches up on one second at most after a delay', async () => {
    const [sink, clock] = [createSink(), createSimClock()];
    const { done, abort } = publish(sink, { rate: 100, clock });
    await clock.advance(1_000);
    sink.block(true);
    await clock.advance(60_000);
    sink.block(false);
    await clock.advance(1_000);
    abort.abort();
    await done;
    // A second before, one to catch up, one after: not the sixty of the delay.
    expect(sink.lines.length).toBeLessThanOrEqual(310);
    expect(sink.lines.length).toBeGreaterThanOrEqual(290);
  });

  it('ends with a failure that is not retriable, and counts only what was acknowledged', async () => {
    const { done, totals } = publish(createSink(1_500), { rate: Infinity, count: 5_000 });
    await expect(done).rejects.toMatchObject({ code: 'FENCED' });
    expect(totals.acknowledged).toBe(1_000);
  });
});
