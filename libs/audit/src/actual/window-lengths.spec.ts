import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { WindowLengths, type Stretch } from './window-lengths';

const window = (fromOffset: number, toOffset: number, windowMs = 1000) => ({
  startMs: 0,
  windowMs,
  fromOffset,
  toOffset,
});

function stretchesOf(windows: readonly ReturnType<typeof window>[]) {
  const lengths = new WindowLengths(3);
  for (const one of windows) lengths.add(one);
  const overlaps: [Stretch, Stretch][] = [];
  return { stretches: lengths.stretches((one, other) => overlaps.push([one, other])), overlaps };
}

describe('the lengths of windows', () => {
  it('are the same in whatever order tenants tell of them', () => {
    const windows = Array.from({ length: 40 }, (_, index) =>
      window(index * 10, index * 10 + 8, index < 15 || index > 30 ? 1000 : 5000),
    );
    fc.assert(
      fc.property(fc.shuffledSubarray(windows, { minLength: 40 }), (shuffled) => {
        expect(stretchesOf(shuffled)).toEqual({
          stretches: [
            { windowMs: 1000, fromOffset: 0, toOffset: 148 },
            { windowMs: 5000, fromOffset: 150, toOffset: 308 },
            { windowMs: 1000, fromOffset: 310, toOffset: 398 },
          ],
          overlaps: [],
        });
      }),
    );
  });

  it('stay few however many windows there are', () => {
    const lengths = new WindowLengths();
    for (let step = 0; step < 3; step += 1)
      for (let index = step; index < 200_000; index += 3) lengths.add(window(index, index));
    expect(lengths.stretches(() => undefined)).toEqual([{ windowMs: 1000, fromOffset: 0, toOffset: 199_999 }]);
  });

  it('tell of windows that share messages', () => {
    const { overlaps } = stretchesOf([window(0, 10), window(10, 20, 5000)]);
    expect(overlaps.map(([one, other]) => [one.windowMs, other.windowMs])).toEqual([[1000, 5000]]);
  });
});
