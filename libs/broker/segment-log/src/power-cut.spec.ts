import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { livePowerCuts, violationsOf, type Wrap } from './testing/torture-lives';
import { sizes } from './testing/torture-sizes';

describe(`power cuts (${SCALE.note})`, () => {
  it(
    'never lose, repeat, reorder or split what was acknowledged, wherever they fall',
    async () => {
      expect(await violationsOf(SCALE.seeds(sizes.powerCuts), livePowerCuts)).toEqual([]);
    },
    sizes.timeoutMs,
  );

  it(
    'fall on a log that seals, retires, uses again and drops all the time',
    async () => {
      const counts = { sealed: 0, retired: 0, 'used again': 0, dropped: 0, 'written again': 0, checkpoints: 0 };
      const counting: Wrap = (disk) => ({
        ...disk,
        rename: async (from, to) => {
          const isThere = await disk.exists(to);
          await disk.rename(from, to);
          if (to.endsWith('.run')) counts[isThere ? 'written again' : 'sealed'] += 1;
          if (to.endsWith('.spare') && from.endsWith('.journal')) counts.retired += 1;
          if (from.endsWith('.spare') && to.endsWith('.journal')) counts['used again'] += 1;
          if (to.endsWith('.checkpoint')) counts.checkpoints += 1;
        },
        remove: async (path) => {
          await disk.remove(path);
          if (path.endsWith('.journal')) counts.retired += 1;
          if (path.endsWith('.run')) counts.dropped += 1;
        },
      });
      const seeds = SCALE.seeds(20);
      expect(await violationsOf(seeds, (seed) => livePowerCuts(seed, counting))).toEqual([]);
      const { 'written again': writtenAgain, ...often } = counts;
      expect(writtenAgain).toBeGreaterThan(0);
      for (const count of Object.values(often)) expect(count).toBeGreaterThan(seeds.length);
    },
    sizes.timeoutMs,
  );
});
