import { describe, expect, it } from '@jest/globals';
import { createSimClock } from '@pulses/testing-sim';
import type { LiveAnswer, LiveWindow, PartitionStatus } from '@pulses/stream-pipeline';
import { liveRoute } from './live-route';

const WINDOW: LiveWindow = { windowStartMs: 5_000, windowMs: 5_000, nextOffset: 3, isCut: false, sums: [] };
const SHOWN = { window: { start: 5, end: 10 }, next_offset: 3, cut: false, sums: [] };

function open(answers: Promise<LiveAnswer[]>, partitions: readonly PartitionStatus[]) {
  const clock = createSimClock();
  const route = liveRoute({
    live: { ask: () => answers },
    sourceTopic: 'source.pulses',
    clock,
    partitions: () => partitions,
  });
  return { clock, ask: () => route.handle({}) };
}

describe('the answer for the open windows', () => {
  it('names the partitions of this ingestor that are not in it', async () => {
    const { ask } = open(Promise.resolve([{ partition: 0, window: WINDOW }]), [
      { partition: 0, state: 'active', sinceMs: 0 },
      { partition: 1, state: 'connecting', reason: 'nobody answers', sinceMs: 0 },
      { partition: 4, state: 'set_aside', reason: 'the window is full', sinceMs: 0 },
      { partition: 5, state: 'active', sinceMs: 0 },
    ]);
    expect(await ask()).toEqual({
      status: 200,
      body: {
        source_topic: 'source.pulses',
        partitions: [{ partition: 0, ...SHOWN }],
        missing: [
          { partition: 1, state: 'connecting', reason: 'nobody answers' },
          { partition: 4, state: 'set_aside', reason: 'the window is full' },
          { partition: 5, state: 'active' },
        ],
      },
    });
  });

  it('is one window for a source without partitions', async () => {
    const { ask } = open(Promise.resolve([{ partition: undefined, window: WINDOW }]), [
      { partition: undefined, state: 'active', sinceMs: 0 },
    ]);
    expect(await ask()).toEqual({ status: 200, body: { source_topic: 'source.pulses', ...SHOWN } });
  });

  it('says why there is none when no partition works', async () => {
    const { clock, ask } = open(new Promise(() => undefined), [
      { partition: 2, state: 'connecting', reason: 'nobody answers', sinceMs: 0 },
    ]);
    const asked = ask();
    await clock.advance(3_000);
    expect(await asked).toEqual({
      status: 503,
      body: {
        reason: 'no open window could be read: this ingestor is not active',
        missing: [{ partition: 2, state: 'connecting', reason: 'nobody answers' }],
      },
    });
  });
});
