// Percentiles: of every single sample, and of what a histogram of Prometheus still tells.

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

export interface Samples {
  readonly count: number;
  add(value: number): void;
  /** The value that this share of the samples does not exceed; NaN when there is none. */
  at(share: number): number;
}

const FIRST_CAPACITY = 1024;

/** Keeps every value: nothing is averaged away. */
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

/** Upper bounds of the buckets that hold the percentiles; a histogram knows no better. */
export function histogramPercentiles(metrics: string, name: string): Percentiles {
  const buckets = [...metrics.matchAll(new RegExp(`^${name}_bucket\\{le="([^"]+)"\\} (\\S+)$`, 'gm'))].map(
    ([, bound, count]) => ({ bound: bound === '+Inf' ? Infinity : Number(bound), count: Number(count) }),
  );
  const total = buckets.at(-1)?.count ?? 0;
  const at = (share: number) => buckets.find(({ count }) => total > 0 && count >= share * total)?.bound ?? NaN;
  return { p50: at(0.5), p99: at(0.99) };
}
