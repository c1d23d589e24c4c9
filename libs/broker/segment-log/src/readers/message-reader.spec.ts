import { describe, expect, it } from '@jest/globals';
import type { OpenMode } from '@pulses/shared-ports';
import { fill, filesIn, machine, opened } from '../testing/small-log';
import { settled } from '../testing/torture-run';

describe('a reader that looks for its run', () => {
  it('is not disturbed by runs that go meanwhile', async () => {
    const on = machine();
    let gate: PromiseWithResolvers<void> | undefined;
    let waiting = 0;
    const fileSystem = {
      ...on.fileSystem,
      open: async (path: string, mode: OpenMode) => {
        const handle = await on.fileSystem.open(path, mode);
        const read: typeof handle.read = async (into, at) => {
          waiting += 1;
          await gate?.promise;
          return await handle.read(into, at);
        };
        return mode === 'read' && path.endsWith('.run') ? { ...handle, read } : handle;
      },
    };
    const log = await opened(on, { fileSystem });
    await fill(on, log, 'out-gone', 60);
    const kept = await fill(on, log, 'out-kept', 40);
    const { incarnation } = log.topic('out-kept')!; // published above
    const before = filesIn(on, 'runs');
    gate = Promise.withResolvers();
    waiting = 0;
    const reading = log.read('out-kept', incarnation, 0, 100);
    while (waiting === 0) await on.clock.advance(1);
    const { resolve } = gate;
    gate = undefined;
    await log.deleteTopics(['out-gone']);
    await on.clock.advance(500);
    expect(filesIn(on, 'runs').length).toBeLessThan(before.length);
    resolve();
    const [batch] = (await settled(on, reading)) ?? [];
    expect(Buffer.from(batch!.payload).toString()).toBe(`${kept[0]}\n`);
    await settled(on, log.close());
  });

  it('finds it too when the run of the last read has gone, and the newest one has nothing of the topic', async () => {
    const on = machine();
    const retention = (kind: number): { bytes: number } | undefined => (kind === 0 ? { bytes: 2_000 } : undefined);
    const log = await opened(on, { retention });
    await fill(on, log, 'a', 40);
    const { incarnation } = log.topic('a')!; // published above
    await settled(on, log.read('a', incarnation, 0, 100));
    const newest = (await fill(on, log, 'a', 40)).at(-1);
    await fill(on, log, 'b', 40);
    await on.clock.advance(500);
    const { startOffset, nextOffset } = log.topic('a')!; // still there
    expect(startOffset).toBeGreaterThan(10);
    const [batch] = (await settled(on, log.read('a', incarnation, nextOffset - 1, 100))) ?? [];
    expect(Buffer.from(batch!.payload).toString()).toBe(`${newest}\n`);
    await settled(on, log.close());
  });
});
