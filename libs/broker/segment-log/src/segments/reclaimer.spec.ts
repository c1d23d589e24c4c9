import { describe, expect, it } from '@jest/globals';
import { createSimRandom } from '@pulses/testing-sim';
import { readMessages } from '../testing/log-fixture';
import { fill, filesIn, machine, opened, SMALL_OPTIONS } from '../testing/small-log';
import { machineOn, settled } from '../testing/torture-run';

describe('space that is given back while the journal is not synchronised', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('leaves a log that opens and reads after a power cut (seed %d)', async (seed) => {
    const on = machine();
    const options = { ...SMALL_OPTIONS, fsync: { mode: 'never' } as const };
    const log = await opened(on, { options });
    for (let round = 0; round < 4; round += 1) {
      await fill(on, log, 'out-gone', 20);
      await fill(on, log, 'out-kept', 2);
    }
    await log.deleteTopics(['out-gone']);
    await on.clock.advance(500);
    const after = machineOn(on.fileSystem.afterPowerCut(seed), createSimRandom(seed));
    const again = await opened(after, { options });
    for (const { topic } of again.topics({ prefix: '', after: '', limit: 10 }).topics) {
      const { startOffset, nextOffset } = again.topic(topic)!; // listed just now
      expect(await readMessages(again, topic)).toHaveLength(nextOffset - startOffset);
    }
    await settled(after, again.close());
    await settled(on, log.close());
  });
});

describe('space that could not be given back', () => {
  it('is tried again once the disk has room', async () => {
    const on = machine();
    const log = await opened(on);
    await fill(on, log, 'out-gone', 60);
    await log.deleteTopics(['out-gone']);
    on.fileSystem.setCapacity(on.fileSystem.usedBytes);
    await on.clock.advance(500);
    expect(filesIn(on, 'runs')).not.toEqual([]);
    on.fileSystem.setCapacity(Infinity);
    await on.clock.advance(500);
    expect(filesIn(on, 'runs')).toEqual([]);
    await settled(on, log.close());
  });

  it('is tried again where runs are written again', async () => {
    const on = machine();
    const log = await opened(on);
    const kept: string[] = [];
    for (let round = 0; round < 8; round += 1) {
      kept.push(...(await fill(on, log, 'out-kept', 1)));
      await fill(on, log, 'out-gone', 5);
    }
    await log.deleteTopics(['out-gone']);
    const bytes = (): number =>
      filesIn(on, 'runs').reduce((sum, name) => sum + on.fileSystem.bytesOf(`/data/runs/${name}`).length, 0);
    on.fileSystem.setCapacity(on.fileSystem.usedBytes);
    await on.clock.advance(500);
    const before = bytes();
    on.fileSystem.setCapacity(Infinity);
    await on.clock.advance(500);
    expect(bytes()).toBeLessThan(before / 2);
    expect(await readMessages(log, 'out-kept')).toEqual(kept);
    await settled(on, log.close());
  });
});
