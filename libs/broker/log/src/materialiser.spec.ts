import { describe, expect, it } from '@jest/globals';
import { columnsOf } from '@pulses/broker-wire';
import { createSimFileSystem, createSimRandom } from '@pulses/testing-sim';
import { lines, readMessages } from './testing/log-fixture';
import { machineOn, openOn, settled } from './testing/torture-run';

const FRAMES = 40;
const BIG = 'x'.repeat(1_000);
const PASS_BYTES = 5_000;

describe('a pass of the topic files', () => {
  it('keeps no more of the journal than it may, however little of each frame it takes', async () => {
    const disk = createSimFileSystem({ seed: 1 });
    const on = machineOn(disk, createSimRandom(1));
    // Nothing stays in memory, and nothing is retired.
    const options = {
      tailBytesMax: 0,
      passBytesMax: PASS_BYTES,
      segmentBytesMax: 1_000_000,
      checkpointBytes: 1_000_000,
      materialiseDelayMs: 10,
    };
    const log = await openOn(on, { options, retention: () => undefined });
    if (log === undefined) throw new Error('the power is on');
    const { incarnation } = await log.createTopic('source');
    const groupEpoch = await log.advanceGroupEpoch('g');
    // No topic file can be made until all of it is stored.
    disk.setFault({ call: disk.trace.length + 1, kind: 'ENOSPC', isForEver: true, only: ['create'] });
    for (let index = 0; index < FRAMES; index += 1) {
      const appends = [
        { topic: 'big', ...lines(BIG) },
        { topic: 'small', ...lines(`${index}`) },
      ];
      await log.commit({ group: 'g', groupEpoch, topic: 'source', incarnation, positions: [], ...columnsOf(appends) });
    }
    await log.deleteTopics(['big']);
    disk.setFault(undefined);
    const before = disk.trace.length;
    await settled(on, log.close());

    const readsBetweenWrites = disk.trace
      .slice(before)
      .join(' ')
      .split('write')
      .map((calls) => calls.split(' ').filter((call) => call === 'read').length);
    expect(readsBetweenWrites.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(FRAMES / 2);
    expect(Math.max(...readsBetweenWrites)).toBeLessThanOrEqual(PASS_BYTES / BIG.length);
    const again = await openOn(on, { options, retention: () => undefined });
    expect(again && (await readMessages(again, 'small'))).toEqual(
      Array.from({ length: FRAMES }, (_, index) => `${index}`),
    );
  });
});
