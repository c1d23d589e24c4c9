import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SourceClock } from './source-clock';

interface Stored {
  readonly from: number;
  readonly to: number;
  readonly storedMs: number;
}

/** Batches whose times step back now and then, with offsets that hold nothing between them. */
const logs = fc
  .array(
    fc.record({
      count: fc.integer({ min: 1, max: 4 }),
      gap: fc.constantFrom(0, 0, 0, 1, 3),
      stepMs: fc.constantFrom(0, 1, 1, 2, 5, -1, -4, -9),
    }),
    { maxLength: 40 },
  )
  .map((batches) => {
    let [offset, nowMs] = [0, 100];
    return batches.map(({ count, gap, stepMs }): Stored => {
      const from = offset + gap;
      offset = from + count;
      nowMs += stepMs;
      return { from, to: offset, storedMs: nowMs };
    });
  });

/** The time of each message by its offset. */
function timesOf(log: readonly Stored[], clock: SourceClock, start: number): Map<number, number> {
  const times = new Map<number, number>();
  for (const { from, to, storedMs } of log) {
    if (to <= start) continue;
    const timeMs = clock.observe(to, storedMs);
    for (let offset = Math.max(from, start); offset < to; offset += 1) times.set(offset, timeMs);
  }
  return times;
}

describe('the clock of a source', () => {
  it('never runs backwards, and gives a message the same time after any restart', () => {
    fc.assert(
      fc.property(logs, fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat()), { maxLength: 4 }), (log, restarts) => {
        const whole = timesOf(log, new SourceClock(undefined, 0), 0);
        const times = [...whole.values()];
        expect(times).toEqual(times.toSorted((a, b) => a - b));
        let [clock, start] = [new SourceClock(undefined, 0), 0];
        for (const [read, lowest, next] of restarts) {
          // A session reads up to some batch, then stores a position; the next one starts there or later.
          const readable = log.slice(0, log.length === 0 ? 0 : read % (log.length + 1));
          for (const [offset, timeMs] of timesOf(readable, clock, start)) expect(timeMs).toBe(whole.get(offset));
          const readTo = Math.max(start, readable.at(-1)?.to ?? 0);
          const position = start + (lowest % (readTo - start + 1));
          const state = JSON.parse(JSON.stringify(clock.stateFor(position))) as ReturnType<SourceClock['stateFor']>;
          start = position + (next % (readTo - position + 1));
          clock = new SourceClock(state, start);
        }
        for (const [offset, timeMs] of timesOf(log, clock, start)) expect(timeMs).toBe(whole.get(offset));
      }),
      { numRuns: 500 },
    );
  });

  it('starts where it stood, also when nothing new is there', () => {
    const clock = new SourceClock(undefined, 0);
    clock.observe(3, 500);
    const state = clock.stateFor(3);
    expect(state).toEqual({ offset: 3, clockMs: 500, late: [] });
    const next = new SourceClock(state, 3);
    expect([next.clockMs, next.observe(8, 400)]).toEqual([500, 500]);
  });

  it('keeps few late stretches, however often the time steps back', () => {
    const clock = new SourceClock(undefined, 0);
    for (let offset = 0; offset < 1_000; offset += 2) {
      clock.observe(offset + 1, 1_000 + offset);
      clock.observe(offset + 2, 1);
    }
    const { late } = clock.stateFor(1);
    expect(late).toHaveLength(32);
    expect(late[0]).toEqual({ from: 1, to: 2, clockMs: 1_000 });
    expect(clock.stateFor(998).late).toEqual([{ from: 999, to: 1_000, clockMs: 1_998 }]);
  });
});
