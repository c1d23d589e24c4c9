import { describe, expect, it } from '@jest/globals';
import { livePowerCuts, violationsOf } from './testing/torture-lives';
import { seedsOf, sizes } from './testing/torture-sizes';

describe('power cuts', () => {
  it(
    'never lose, repeat, reorder or split what was acknowledged, wherever they fall',
    async () => {
      expect(await violationsOf(seedsOf(sizes.powerCuts), livePowerCuts)).toEqual([]);
    },
    sizes.timeoutMs,
  );
});
