// Percentiles: exact, of all samples; and as bucket bounds of a Prometheus histogram.

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

export interface Samples {
  readonly count: number;
  add(value: number): void;
  /** The percentile at a share from 0 to 1; NaN without samples. */
  at(share: number): number;
}

const FIRST_CAPACITY = 1024;

/** Keeps every value, so percentiles are exact. */
export function createSamples(): Samples {
  let values = new Float64Array(FIRST_CAPACITY);
  let count = 0;
  let isSorted = true;
  return {
    get count() {
      return count;
    },
    add(value) {
      if (count === values.length) {
        const longer = new Float64Array(values.length * 2);
        longer.set(values);
        values = longer;
      }
      values[count] = value;
      count += 1;
      isSorted = false;
    },
    at(share) {
      if (!isSorted) {
        values.subarray(0, count).sort();
        isSorted = true;
      }
      return count === 0 ? NaN : (values[Math.max(0, Math.ceil(share * count) - 1)] as number);
    },
  };
}

/** The upper bounds of the buckets that hold p50 and p99: the precision of a histogram. */
export function histogramPercentiles(metrics: string, name: string): Percentiles {
  const buckets = [...metrics.matchAll(new RegExp(`^${name}_bucket\\{le="([^"]+)"\\} (\\S+)$`, 'gm'))].map(
    ([, bound, count]) => ({ bound: bound === '+Inf' ? Infinity : Number(bound), count: Number(count) }),
  );
  const total = buckets.at(-1)?.count ?? 0;
  const at = (share: number) => buckets.find(({ count }) => total > 0 && count >= share * total)?.bound ?? NaN;
  return { p50: at(0.5), p99: at(0.99) };
}
