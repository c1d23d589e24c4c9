import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createScale, SCALE } from '.';

const SIZES = { sample: 5, fault: 50, torture: 500 };

describe('the scale of a suite', () => {
  it('is a sample from seed 1 unless the environment names another', () => {
    const scale = createScale({});
    expect([scale.name, scale.seed, scale.sizeOf(SIZES)]).toEqual(['sample', 1, 5]);
    expect(scale.seeds(3)).toEqual([1, 2, 3]);
  });

  it.each([
    ['sample', 5],
    ['fault', 50],
    ['torture', 500],
  ])('%s gives its own size', (name, size) => {
    expect(createScale({ PULSES_TEST_SCALE: name }).sizeOf(SIZES)).toBe(size);
  });

  it('refuses a scale and a seed that it does not know', () => {
    expect(() => createScale({ PULSES_TEST_SCALE: 'large' })).toThrow(/PULSES_TEST_SCALE is large/);
    for (const seed of ['x', '-1', '1.5', '1e99'])
      expect(() => createScale({ PULSES_TEST_SEED: seed })).toThrow(/PULSES_TEST_SEED/);
  });

  it('moves the seeds with the chosen one, and keeps their number', () => {
    expect(createScale({ PULSES_TEST_SEED: '70' }).seeds(3)).toEqual([70, 71, 72]);
  });

  it('covers every item once when the seed moves through one step', () => {
    const items = Array.from({ length: 103 }, (_, index) => index);
    const parts = [0, 1, 2, 3].map((seed) => createScale({ PULSES_TEST_SEED: String(seed) }).everyNth(items, 4));
    expect(parts.flat().sort((left, right) => left - right)).toEqual(items);
    expect(parts.map(({ length }) => length)).toEqual([26, 26, 26, 25]);
    expect(createScale({ PULSES_TEST_SEED: '7' }).everyNth(items, 1)).toEqual(items);
  });
});

describe('fast-check', () => {
  it('starts from the same seed, not from the clock', () => {
    expect(fc.readConfigureGlobal()).toEqual({ seed: SCALE.seed });
  });
});
