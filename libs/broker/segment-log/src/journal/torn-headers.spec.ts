import { describe, expect, it } from '@jest/globals';
import { createSimFileSystem, createSimRandom, type SimFileSystem } from '@pulses/testing-sim';
import type { FileSystem } from '@pulses/shared-ports';
import { publish, readMessages } from '../testing/log-fixture';
import { machine, opened } from '../testing/small-log';
import { machineOn, settled } from '../testing/torture-run';
import { SEGMENT_HEADER_BYTES } from './segment-header';

const OPTIONS = { segmentBytesMax: 400, groupBytesMax: 400, tailBytesMax: 0, journalMode: 'recycled' } as const;

/** A write over a header that is there, and what was stored before it. */
interface Overwrite {
  readonly before: SimFileSystem;
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly position: number;
  readonly messages: number;
}

describe('the header of a segment that is used again', () => {
  it('may be torn by a power cut at any of its bytes', async () => {
    const disk = createSimFileSystem({ seed: 1 });
    const overwrites: Overwrite[] = [];
    let messages = 0;
    const fileSystem: FileSystem = {
      ...disk,
      open: async (path, mode) => {
        const handle = await disk.open(path, mode);
        const write: typeof handle.write = async (bytes, position) => {
          const isHeader = position < SEGMENT_HEADER_BYTES && position + bytes.length <= SEGMENT_HEADER_BYTES;
          if (isHeader && path.endsWith('.journal') && (await handle.size()) > SEGMENT_HEADER_BYTES) {
            overwrites.push({ before: disk.fork(), path, bytes: bytes.slice(), position, messages });
          }
          return await handle.write(bytes, position);
        };
        return { ...handle, write };
      },
    };
    const on = machine(disk);
    const log = await opened(on, { fileSystem, options: OPTIONS });
    for (; messages < 40; messages += 1) {
      await publish(log, 'a', [`${messages}`.padEnd(50)]);
      await on.clock.advance(10);
    }
    await settled(on, log.close());
    expect(overwrites.length).toBeGreaterThan(20);
    for (const { before, path, bytes, position, messages: stored } of overwrites.slice(-12)) {
      for (let torn = 1; torn < bytes.length; torn += 1) {
        const after = before.fork();
        const content = after.bytesOf(path);
        content.set(bytes.subarray(0, torn), position);
        after.replaceBytes(path, content);
        const again = machineOn(after, createSimRandom(1));
        const reopened = await opened(again, { options: OPTIONS });
        expect((await readMessages(reopened, 'a')).length).toBeGreaterThanOrEqual(stored);
        await settled(again, reopened.close());
      }
    }
  });
});
