import { describe, expect, it } from '@jest/globals';
import { isPulsesError } from '@pulses/shared-errors';
import { SCALE } from '@pulses/testing-scale';
import type { SimFileSystem } from '@pulses/testing-sim';
import { inspectDataDirectory } from './inspect';
import { BuiltShapes, DIRECTORY, openOn, readMessages, seededNumbers, SHAPES, type Shape } from './testing/shapes';
import { sizes } from './testing/sizes';

const shapes = new BuiltShapes();

/** Topics that read wrong; those whose damage is reported do not count. @returns whether anything was reported */
async function readAll(disk: SimFileSystem, { topics }: Shape, wrong: string[]): Promise<boolean> {
  let isReported = false;
  let log: Awaited<ReturnType<typeof openOn>>;
  try {
    log = await openOn(disk);
  } catch (error) {
    if (!isPulsesError(error, 'JOURNAL_CORRUPT')) wrong.push(`open: ${String(error)}`);
    return true;
  }
  for (const [topic, { startOffset, messages }] of topics) {
    try {
      const stored = await readMessages(log, topic);
      const isSame = log.topic(topic)?.startOffset === startOffset && stored.join('\n') === messages.join('\n');
      if (!isSame) wrong.push(topic);
    } catch (error) {
      if (!isPulsesError(error, 'JOURNAL_CORRUPT')) wrong.push(`${topic}: ${String(error)}`);
      isReported = true;
    }
  }
  await log.close();
  return isReported;
}

describe(`a changed byte (${SCALE.note})`, () => {
  it(
    'in any file is reported or does no harm, and is never served',
    async () => {
      const { seed } = SCALE;
      const below = seededNumbers(seed);
      const outcomes = { reported: 0, harmless: 0 };
      for (let round = 0; round < sizes.flips; round += 1) {
        const shape = await shapes.copy(SHAPES[1 + below(SHAPES.length - 1)]!); // not the fresh one
        const { disk } = shape;
        const paths = disk.files();
        const path = paths[below(paths.length)]!; // there are some
        const bytes = disk.bytesOf(path).slice();
        if (bytes.length === 0) continue;
        const byte = below(bytes.length);
        bytes[byte]! ^= 1 + below(255); // in range
        disk.replaceBytes(path, bytes);
        const what = `seed ${seed}, round ${round}: byte ${byte} of ${path}`;
        const { isSound, findings } = await inspectDataDirectory({ fileSystem: disk, directory: DIRECTORY });
        const damage = findings.filter(({ severity }) => severity === 'damage');
        // Where it is, and nowhere else.
        const isPlaced = damage.every(({ file, byteOffset }) => file === path && byteOffset <= byte);
        const wrong: string[] = [];
        const isReported = await readAll(disk, shape, wrong);
        expect({ what, damage, isPlaced, wrong, isMissed: isReported && isSound }).toEqual({
          ...{ what, damage, isPlaced: true, wrong: [], isMissed: false },
        });
        outcomes[isSound ? 'harmless' : 'reported'] += 1;
      }
      expect(outcomes.reported).toBeGreaterThan(0);
    },
    sizes.timeoutMs,
  );
});
