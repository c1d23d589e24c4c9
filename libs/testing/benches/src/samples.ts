// Exact percentiles of all samples.

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

/** The middle one; of an even number, the higher of the two in the middle. @throws TypeError without values */
export function median(values: readonly number[]): number {
  const middle = [...values].sort((left, right) => left - right)[values.length >> 1];
  if (middle === undefined) throw new TypeError('no values given');
  return middle;
}
