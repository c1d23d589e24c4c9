import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { livePowerCuts, violationsOf } from './testing/torture-lives';
import { sizes } from './testing/torture-sizes';

describe(`power cuts (${SCALE.note})`, () => {
  it(
    'never lose, repeat, reorder or split what was acknowledged, wherever they fall',
    async () => {
      expect(await violationsOf(SCALE.seeds(sizes.powerCuts), livePowerCuts)).toEqual([]);
    },
    sizes.timeoutMs,
  );
});
