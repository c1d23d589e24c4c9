import { describe, expect, it } from '@jest/globals';
import { createSimRandom } from '@pulses/testing-sim';
import {
  acceptsStaleFrames,
  acknowledgesEarly,
  acknowledgesUnwritten,
  ignoresShortWrites,
  losesProducers,
  retiresEarly,
  reusesEarly,
  skipsDirectories,
  skipsRuns,
  trustsDirectories,
  truncatesAtBadFrames,
} from './testing/seeded-bugs';
import { decodeRunHeader, ENTRY_BYTES, placesOf } from './segments/run-format';
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
    'acknowledges before the write returns',
    async () => {
      expect(await complaint(acknowledgesUnwritten)).toMatch(/after a restart|does not open|cannot be read|in epoch/);
    },
    sizes.timeoutMs,
  );

  it(
    'uses a segment again before its runs count',
    async () => {
      expect(await complaint(reusesEarly)).toMatch(/failed without a reason|does not open|after a restart/);
    },
    sizes.timeoutMs,
  );

  it(
    'takes a stale frame for one of its own',
    async () => {
      expect(await complaint(acceptsStaleFrames)).toMatch(/after a restart|does not open/);
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
      expect(await complaint(retiresEarly)).toMatch(
        /failed without a reason|does not open|after a restart|cannot be read/,
      );
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
    'does not check the directory of a run',
    async () => {
      const stopped = await stoppedLog(3, { steps: 80, isClean: true });
      const runs = stopped.disk.files().filter((path) => path.endsWith('.run'));
      const random = createSimRandom(1);
      const found = await violationsOf(SEEDS, async () => {
        const path = runs[Math.floor(random.fraction() * runs.length)]!; // there are some
        const { header } = decodeRunHeader(stopped.disk.bytesOf(path))!; // a run
        // Count or base offset of a topic, by one: larger changes take long to read.
        const entry = placesOf(header).directoryAt + ENTRY_BYTES * Math.floor(random.fraction() * header.topics);
        const bit = (entry + (random.fraction() < 0.5 ? 16 : 32)) * 8;
        const disk = damaged(stopped.disk, path, (whole) => flipBit(whole, bit));
        await openDamaged(disk, { ...stopped, before: [] }, trustsDirectories);
      });
      expect(found.join()).toMatch(/damage is (served|reported as)/);
    },
    sizes.timeoutMs,
  );

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
