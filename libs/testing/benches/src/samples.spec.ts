import { describe, expect, it } from '@jest/globals';
import { createSamples, median } from './samples';

describe('samples', () => {
  it('give exact percentiles, in any order of arrival', () => {
    const samples = createSamples();
    for (let value = 0; value < 5_000; value += 1) samples.add((value * 7_919) % 5_000);
    expect(samples.count).toBe(5_000);
    expect([samples.at(0.5), samples.at(0.99), samples.at(1), samples.at(0)]).toEqual([2_499, 4_949, 4_999, 0]);
    samples.add(-1);
    expect(samples.at(0)).toBe(-1);
  });

  it('have no percentile while empty', () => {
    expect(createSamples().at(0.5)).toBeNaN();
  });
});

describe('the median', () => {
  it.each([
    [[3], 3],
    [[9, 10, 2], 9],
    [[1, 4, 2, 3], 3],
  ])('of %j is %d', (values, middle) => {
    expect(median(values)).toBe(middle);
  });

  it('needs values', () => {
    expect(() => median([])).toThrow(TypeError);
  });
});
