// Readers see what is on the disk, and nothing before.

import { describe, expect, it } from '@jest/globals';
import type { FileSystem } from '@pulses/shared-ports';
import { createSimClock, createSimFileSystem, createSimRandom, settle } from '@pulses/testing-sim';
import { openBrokerLog } from './open-broker-log';

describe('a message', () => {
  it('is seen by no reader, and not acknowledged, before its fdatasync has ended', async () => {
    const disk = createSimFileSystem({ seed: 1 });
    const gate = { opened: Promise.resolve() };
    const fileSystem: FileSystem = {
      ...disk,
      open: async (path, mode) => {
        const handle = await disk.open(path, mode);
        return {
          ...handle,
          datasync: async () => {
            await gate.opened;
            await handle.datasync();
          },
        };
      },
    };
    const log = await openBrokerLog({
      fileSystem,
      clock: createSimClock(),
      random: createSimRandom(1),
      directory: '/data',
    });
    await log.append({ topic: 't', recordCount: 1, payload: Buffer.from('first\n') });
    const incarnation = log.topic('t')?.incarnation ?? '';
    const { promise, resolve } = Promise.withResolvers<void>();
    gate.opened = promise;
    const settled: string[] = [];
    log.onChange('t', () => settled.push('woken'));
    const appended = log.append({ topic: 't', recordCount: 1, payload: Buffer.from('second\n') });
    void appended.then(() => settled.push('acknowledged'));
    await settle(50);
    expect([settled, log.topic('t')?.nextOffset]).toEqual([[], 1]);
    expect(await log.read('t', incarnation, 1, 1 << 20)).toEqual([]);
    resolve();
    await appended;
    expect([settled, log.topic('t')?.nextOffset]).toEqual([['woken', 'acknowledged'], 2]);
    expect(
      (await log.read('t', incarnation, 1, 1 << 20)).map(({ payload }) => Buffer.from(payload).toString()),
    ).toEqual(['second\n']);
    await log.close();
  });

  it('counts as unwritten until its topic files have it', async () => {
    const clock = createSimClock();
    const fileSystem = createSimFileSystem({ seed: 1 });
    const log = await openBrokerLog({ fileSystem, clock, random: createSimRandom(1), directory: '/data' });
    expect(log.unwrittenBytes).toBe(0);
    await log.append({ topic: 't', recordCount: 1, payload: Buffer.from('first\n') });
    await log.append({ topic: 'u', recordCount: 1, payload: Buffer.from('second\n') });
    expect(log.unwrittenBytes).toBe('first\nsecond\n'.length);
    await clock.advance(1_000);
    await settle(1_000);
    expect(log.unwrittenBytes).toBe(0);
    const lines = fileSystem
      .files()
      .filter((path) => path.endsWith('.ndjson'))
      .map((path) => Buffer.from(fileSystem.bytesOf(path)).toString());
    expect(lines).toEqual(['first\n', 'second\n']);
    await log.close();
  });
});
