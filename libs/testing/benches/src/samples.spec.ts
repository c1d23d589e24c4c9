import { describe, expect, it } from '@jest/globals';
import { createSamples, histogramPercentiles } from './samples';

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

describe('percentiles of a histogram', () => {
  const metrics = ['0.001"} 50', '0.01"} 98', '0.1"} 99', '+Inf"} 100']
    .map((rest) => `pulses_commit_seconds_bucket{le="${rest}`)
    .join('\n');

  it('are the upper bounds of their buckets', () => {
    expect(histogramPercentiles(metrics, 'pulses_commit_seconds')).toEqual({ p50: 0.001, p99: 0.1 });
  });

  it('are NaN without the histogram, or without a sample in it', () => {
    expect(histogramPercentiles(metrics, 'other')).toEqual({ p50: NaN, p99: NaN });
    expect(histogramPercentiles('a_bucket{le="+Inf"} 0', 'a')).toEqual({ p50: NaN, p99: NaN });
  });
});
