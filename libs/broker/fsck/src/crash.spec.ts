import { describe, expect, it } from '@jest/globals';
import { columnsOf } from '@pulses/broker-wire';
import { isPulsesError } from '@pulses/shared-errors';
import { SCALE } from '@pulses/testing-scale';
import { createSimFileSystem, createSimRandom, type SimFileSystem } from '@pulses/testing-sim';
import { inspectDataDirectory, repairDataDirectory } from './index';
import { DIRECTORY, kindOf, lines, openOn, publish, readMessages, seededNumbers, stamp } from './testing/shapes';
import { sizes } from './testing/sizes';

/** Appends, commits and deletes until the power goes. */
async function work(disk: SimFileSystem, journalMode: 'append' | 'recycled'): Promise<void> {
  const log = await openOn(disk, DIRECTORY, {
    retention: (kind) => (kind === 0 ? { bytes: 5_000 } : undefined),
    options: { segmentBytesMax: 3_000, tailBytesMax: 500, retentionIntervalMs: 2, groupBytesMax: 5_000, journalMode },
  });
  const text = (at: number): string => `${at}:${'x'.repeat((at * 31) % 90)}`;
  await publish(log, 'source', ['first']);
  const groupEpoch = await log.advanceGroupEpoch('g', 'source');
  for (let round = 0; ; round += 1) {
    await publish(log, 'source', [text(round), text(round + 1)], stamp(round));
    const { incarnation, nextOffset } = log.topic('source')!; // published just before
    await log.commit({
      ...{ group: 'g', groupEpoch, topic: 'source', incarnation },
      positions: [{ name: 'p', expectedRevision: round, offset: nextOffset, metadata: '' }],
      ...columnsOf([0, 1].map((out) => ({ topic: `out.${out}`, ...lines(text(round)) }))),
    });
    if (round % 20 === 19) await log.deleteTopics(['out.1']);
  }
}

async function everything(disk: SimFileSystem, directory: string): Promise<unknown> {
  const log = await openOn(disk, directory);
  const { topics } = log.topics({ prefix: '', after: '', limit: 100 });
  const messages: string[][] = [];
  for (const { topic } of topics) messages.push(await readMessages(log, topic));
  const positions = await log.positions('', '');
  await log.close();
  return { topics, messages, positions };
}

describe(`a directory after a power cut (${SCALE.note})`, () => {
  it(
    'is sound, and a repair saves what a start finds in it',
    async () => {
      const { seed } = SCALE;
      const below = seededNumbers(seed);
      let checked = 0;
      for (let round = 0; round < sizes.crashes; round += 1) {
        const disk = createSimFileSystem({ seed: seed + round, pageBytes: 512 });
        const journalMode = below(2) === 0 ? 'append' : 'recycled';
        const call = 20 + below(2_000);
        disk.cutPowerAt(call);
        await Promise.race([work(disk, journalMode), disk.powerCut]);
        const after = disk.afterPowerCut(seed + round);
        const what = `seed ${seed}, round ${round}: ${journalMode}, power cut at call ${call}`;
        let damage: unknown;
        try {
          const { findings } = await inspectDataDirectory({ fileSystem: after, directory: DIRECTORY });
          damage = findings.filter(({ severity }) => severity === 'damage');
        } catch (error) {
          // Nothing that tells a log is on the disk yet.
          if (!isPulsesError(error, 'CONFIG_INVALID')) throw error;
          continue;
        }
        expect({ what, damage }).toEqual({ what, damage: [] });
        const places = { random: createSimRandom(1), from: DIRECTORY, to: '/new' };
        const report = await repairDataDirectory({ fileSystem: after, ...places, kindOf });
        expect({ what, report }).toMatchObject({ what, report: { lost: [], lostState: [], isWhole: true } });
        expect({ what, is: await everything(after, '/new') }).toEqual({ what, is: await everything(after, DIRECTORY) });
        checked += 1;
      }
      expect(checked).toBeGreaterThan(0);
    },
    sizes.timeoutMs,
  );
});
