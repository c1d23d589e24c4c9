import { describe, expect, it } from '@jest/globals';
import { createSimRandom } from '@pulses/testing-sim';
import {
  acknowledgesEarly,
  ignoresShortWrites,
  losesProducers,
  retiresEarly,
  skipsDirectories,
  skipsRuns,
  truncatesAtBadFrames,
} from './testing/seeded-bugs';
import { livePowerCuts, violationsOf, type Wrap } from './testing/torture-lives';
import { damaged, flipBit, openDamaged, segmentsOf, stoppedLog } from './testing/torture-damage';
import { sizes } from './testing/torture-sizes';

/** Always the same ones: a canary is not a matter of chance. */
const SEEDS = Array.from({ length: 100 }, (_, index) => index + 1);

/** The first complaint of the power cuts' check. */
async function complaint(wrap: Wrap): Promise<string | undefined> {
  for (const seed of SEEDS) {
    const [found] = await violationsOf([seed], (one) => livePowerCuts(one, wrap));
    if (found !== undefined) return found;
  }
  return undefined;
}

describe('the suite of power cuts sees a log that', () => {
  it(
    'acknowledges before it synchronises',
    async () => {
      expect(await complaint(acknowledgesEarly)).toMatch(/after a restart|does not open/);
    },
    sizes.timeoutMs,
  );

  it(
    'does not synchronise directories',
    async () => {
      expect(await complaint(skipsDirectories)).toMatch(/after a restart|does not open/);
    },
    sizes.timeoutMs,
  );

  it(
    'ignores a short write',
    async () => {
      expect(await complaint(ignoresShortWrites)).toMatch(/JOURNAL_CORRUPT|is damaged|does not open/);
    },
    sizes.timeoutMs,
  );

  it(
    'gives a segment up before its runs count',
    async () => {
      expect(await complaint(retiresEarly)).toMatch(/failed without a reason|does not open|after a restart/);
    },
    sizes.timeoutMs,
  );

  it(
    'does not synchronise its runs',
    async () => {
      expect(await complaint(skipsRuns)).toMatch(/cannot be read|does not open|after a restart/);
    },
    sizes.timeoutMs,
  );

  it(
    'loses its producers at a checkpoint',
    async () => {
      expect(await complaint(losesProducers)).toMatch(/a repeat|sent again|does not open/);
    },
    sizes.timeoutMs,
  );
});

describe('the suite of damage sees a log that', () => {
  it(
    'truncates at the first bad frame',
    async () => {
      const stopped = await stoppedLog(2, {
        steps: 14,
        isClean: false,
        options: { segmentBytesMax: 1_000_000 },
      });
      const path = segmentsOf(stopped.disk)[0]!; // operations were stored
      const random = createSimRandom(1);
      const found = await violationsOf(SEEDS, async () => {
        const bit = Math.floor(random.fraction() * (stopped.disk.bytesOf(path).length / 2) * 8);
        await openDamaged(
          damaged(stopped.disk, path, (whole) => flipBit(whole, bit)),
          { ...stopped, before: [] },
          truncatesAtBadFrames,
        );
      });
      expect(found.join()).toMatch(/damage is served/);
    },
    sizes.timeoutMs,
  );
});
