import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { createSimRandom } from '@pulses/testing-sim';
import { FRAME_MAGIC } from './journal/frame';
import { SEGMENT_HEADER_BYTES } from './journal/segment-header';
import {
  damaged,
  damagePages,
  flipBit,
  openDamaged,
  segmentsOf,
  stoppedLog,
  type PageDamage,
  type Stopped,
} from './testing/torture-damage';
import { violationsOf } from './testing/torture-lives';
import { sizes } from './testing/torture-sizes';

/** One journal segment of a few kilobytes, nothing in files, no checkpoint. */
const JOURNAL_ONLY = {
  segmentBytesMax: 1_000_000,
};

const at = <T>(values: readonly T[], fraction: number): T => values[Math.floor(fraction * values.length)]!; // below the length

/** The one segment that holds frames. */
function journalOf({ disk }: Stopped): { path: string; bytes: Uint8Array } {
  const path = segmentsOf(disk).find((name) => disk.bytesOf(name).length > SEGMENT_HEADER_BYTES)!; // operations were stored
  return { path, bytes: disk.bytesOf(path) };
}

/** Where frames start. */
function frameStarts(bytes: Uint8Array): number[] {
  const buffer = Buffer.from(bytes);
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(FRAME_MAGIC);
  const starts: number[] = [];
  for (let found = buffer.indexOf(magic); found !== -1; found = buffer.indexOf(magic, found + 1)) starts.push(found);
  return starts;
}

describe(`a journal that ends early (${SCALE.note})`, () => {
  it(
    'is reported, wherever it was cut in its last three frames, after a clean stop',
    async () => {
      const stopped = await stoppedLog(1, { steps: 20, isClean: true, options: JOURNAL_ONLY });
      const { path, bytes } = journalOf(stopped);
      const from = frameStarts(bytes).at(-3)!; // twenty operations
      const found = await violationsOf(
        SCALE.everyNth(lengthsFrom(from, bytes.length - 1), sizes.cutStep),
        async (length) => {
          const outcome = await openDamaged(
            damaged(stopped.disk, path, (whole) => whole.slice(0, length)),
            { ...stopped, before: [] },
          );
          expect(outcome).toBe('reported');
        },
      );
      expect(found).toEqual([]);
    },
    sizes.timeoutMs,
  );

  it(
    'loses frames as a whole at its end, and nothing else, after a kill',
    async () => {
      const stopped = await stoppedLog(1, { steps: 20, isClean: false, options: JOURNAL_ONLY });
      const { path, bytes } = journalOf(stopped);
      const from = frameStarts(bytes).at(-3)!; // twenty operations
      const found = await violationsOf(
        SCALE.everyNth(lengthsFrom(from, bytes.length - 1), sizes.cutStep),
        async (length) => {
          const outcome = await openDamaged(
            damaged(stopped.disk, path, (whole) => whole.slice(0, length)),
            stopped,
          );
          expect(outcome).toBe('shorter');
        },
      );
      expect(found).toEqual([]);
    },
    sizes.timeoutMs,
  );
});

function lengthsFrom(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

describe(`a flipped bit (${SCALE.note})`, () => {
  it(
    'anywhere in a journal of four kilobytes is reported after a clean stop',
    async () => {
      const stopped = await stoppedLog(2, { steps: 24, isClean: true, options: JOURNAL_ONLY });
      const { path, bytes } = journalOf(stopped);
      expect(bytes.length).toBeGreaterThanOrEqual(4_096);
      const bits = 4_096 * 8;
      const found = await violationsOf(SCALE.everyNth(lengthsFrom(0, bits - 1), sizes.flipStep), async (bit) => {
        const outcome = await openDamaged(
          damaged(stopped.disk, path, (whole) => flipBit(whole, bit)),
          { ...stopped, before: [] },
        );
        expect(outcome).toBe('reported');
      });
      expect(found).toEqual([]);
    },
    sizes.timeoutMs,
  );

  it(
    'in any frame but the last is reported after a kill',
    async () => {
      const stopped = await stoppedLog(2, { steps: 14, isClean: false, options: JOURNAL_ONLY });
      const { path, bytes } = journalOf(stopped);
      const last = frameStarts(bytes).at(-1)!; // operations were stored
      const random = createSimRandom(SCALE.seed);
      const found = await violationsOf(SCALE.seeds(sizes.flipsAfterKill), async () => {
        const bit = Math.floor(random.fraction() * last * 8);
        const outcome = await openDamaged(
          damaged(stopped.disk, path, (whole) => flipBit(whole, bit)),
          { ...stopped, before: [] },
        );
        expect(outcome).toBe('reported');
      });
      expect(found).toEqual([]);
    },
    sizes.timeoutMs,
  );

  it(
    'in any file is reported or does no harm',
    async () => {
      const stopped = await stoppedLog(3, { steps: 80, isClean: true });
      const files = stopped.disk.files();
      const found = await violationsOf(SCALE.seeds(sizes.randomFlips), async (seed) => {
        const random = createSimRandom(seed);
        const path = at(files, random.fraction());
        const bit = Math.floor(random.fraction() * stopped.disk.bytesOf(path).length * 8);
        await openDamaged(
          damaged(stopped.disk, path, (whole) => flipBit(whole, bit)),
          { ...stopped, before: [] },
        );
      });
      expect(found).toEqual([]);
    },
    sizes.timeoutMs,
  );
});

describe(`pages (${SCALE.note})`, () => {
  it(
    'that are zeroed, duplicated, swapped or gone are reported or do no harm, in any file',
    async () => {
      const stopped = await stoppedLog(4, { steps: 80, isClean: true });
      const files = stopped.disk.files();
      const kinds: PageDamage[] = ['zeroed', 'duplicated', 'swapped', 'cut out'];
      const outcomes = new Set<string>();
      const found = await violationsOf(SCALE.seeds(sizes.damagedPages), async (seed) => {
        const random = createSimRandom(seed);
        const path = at(files, random.fraction());
        const kind = at(kinds, random.fraction());
        const disk = damaged(stopped.disk, path, (whole) => damagePages(whole, random, kind));
        outcomes.add(await openDamaged(disk, { ...stopped, before: [] }));
      });
      expect(found).toEqual([]);
      expect([...outcomes].sort()).toEqual(['reported', 'whole']);
    },
    sizes.timeoutMs,
  );
});
