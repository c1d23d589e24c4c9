import { describe, expect, it } from '@jest/globals';
import { createSimClock, createSimFileSystem } from '@pulses/testing-sim';
import type { FileHandle, FileSystem } from '@pulses/shared-ports';
import { measureJournalMode } from './measured-mode';

const DIRECTORY = '/data/journal';

interface Disk {
  readonly fileSystem: FileSystem;
  readonly clock: { monotonicMs(): number };
}

/** A disk on which these calls take so long. */
async function diskOf(appendMs: number, overwriteMs: number): Promise<Disk> {
  const disk = createSimFileSystem({ seed: 1 });
  await disk.makeDirectory(DIRECTORY);
  let elapsedMs = 0;
  const fileSystem: FileSystem = {
    ...disk,
    open: async (path, mode) => {
      const file = await disk.open(path, mode);
      const delay = (): void => {
        if (mode === 'write-through') elapsedMs += path.includes('growing') ? appendMs : overwriteMs;
      };
      const slow: FileHandle = {
        ...file,
        write: async (bytes, position) => {
          delay();
          return await file.write(bytes, position);
        },
        writev: async (buffers, position) => {
          delay();
          return await file.writev(buffers, position);
        },
      };
      return slow;
    },
  };
  return { fileSystem, clock: { monotonicMs: () => elapsedMs } };
}

describe('the journal mode that is measured', () => {
  it.each([
    ['recycled', 'half', 2, 1],
    ['append', 'nearly', 2, 1.7],
    ['append', 'twice', 1, 2],
  ] as const)(
    'is %s where a write over another takes %s the time, and leaves no file',
    async (mode, _, appendMs, overwriteMs) => {
      const { fileSystem, clock } = await diskOf(appendMs, overwriteMs);
      expect(await measureJournalMode(fileSystem, { ...createSimClock(), ...clock }, DIRECTORY)).toBe(mode);
      expect(await fileSystem.list(DIRECTORY)).toEqual([]);
    },
  );
});
