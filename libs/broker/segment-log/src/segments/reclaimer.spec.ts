import { describe, expect, it } from '@jest/globals';
import { createSimRandom } from '@pulses/testing-sim';
import { SILENT_LOGGER } from '@pulses/shared-ports';
import type { RetentionPolicy } from '../options';
import { publish, readMessages } from '../testing/log-fixture';
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

describe('a damaged run', () => {
  it('stays as it is, is told once, and ends nothing', async () => {
    const on = machine();
    const policy = (): RetentionPolicy => ({ ageMs: 1_000 });
    const log = await opened(on, { retention: policy });
    await fill(on, log, 'out-a', 20);
    await fill(on, log, 'out-b', 20);
    await settled(on, log.close());
    const after = machine(on.fileSystem.fork());
    const [damaged = ''] = filesIn(after, 'runs');
    const path = `/data/runs/${damaged}`;
    const bytes = after.fileSystem.bytesOf(path);
    // Of its directory, before the index.
    bytes[bytes.length - 20]! ^= 1;
    after.fileSystem.replaceBytes(path, bytes);
    const told: object[] = [];
    const again = await opened(after, {
      retention: policy,
      logger: { ...SILENT_LOGGER, error: (fields: object) => void told.push(fields) },
    });
    let failure: Error | undefined;
    void again.failed.then((error) => {
      failure = error;
    });
    await after.clock.advance(5_000);
    expect(failure).toBeUndefined();
    expect(told).toEqual([expect.objectContaining({ code: 'JOURNAL_CORRUPT' })]);
    expect(filesIn(after, 'runs')).toContain(damaged);
    expect(again.topic('out-a')).toMatchObject({ startOffset: 0 });
    expect(again.topic('out-b')?.startOffset).toBeGreaterThan(5);
    await publish(again, 'out-a', ['new']);
    await settled(after, again.close());
  });
});
