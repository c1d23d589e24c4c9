// Which way of writing the journal makes a short write durable sooner, on this disk.
//
// A file that grows needs the file system's own journal for its new length; one whose blocks were written before does not.
// What that is worth depends on file system and disk, so it is measured in the directory itself.
//
// Bounds: ROUNDS writes to a file that grows, and as many over one of FILLED_BYTES, in turns.

import type { Clock, FileHandle, FileSystem } from '@pulses/shared-ports';
import { createOrReset, writeAll } from '../disk/full-io';
import { TEMPORARY_SUFFIX } from '../disk/replaced-file';

const ROUNDS = 15;
const WRITE_BYTES = 4_096;
const FILLED_BYTES = ROUNDS * WRITE_BYTES;
/** Files that are used again have to be this much faster: they cost disk space. */
const WORTH_IT = 0.8;

/** @throws the port's error */
export async function measureJournalMode(
  fileSystem: FileSystem,
  clock: Clock,
  directory: string,
): Promise<'append' | 'recycled'> {
  const paths = {
    growing: `${directory}/growing${TEMPORARY_SUFFIX}`,
    filled: `${directory}/filled${TEMPORARY_SUFFIX}`,
  };
  const open: FileHandle[] = [];
  const writtenThrough = async (path: string, content: Uint8Array): Promise<FileHandle> => {
    const file = await createOrReset(fileSystem, path);
    open.push(file);
    await writeAll(file, [content], 0);
    await file.datasync();
    const again = await fileSystem.open(path, 'write-through');
    open.push(again);
    return again;
  };
  try {
    const growing = await writtenThrough(paths.growing, new Uint8Array(0));
    const filled = await writtenThrough(paths.filled, new Uint8Array(FILLED_BYTES));
    const [appended, overwritten]: [number[], number[]] = [[], []];
    const bytes = new Uint8Array(WRITE_BYTES);
    const timed = async (file: FileHandle, at: number): Promise<number> => {
      const startMs = clock.monotonicMs();
      await writeAll(file, [bytes], at);
      return clock.monotonicMs() - startMs;
    };
    for (let round = 0; round < ROUNDS; round += 1) {
      appended.push(await timed(growing, round * WRITE_BYTES));
      overwritten.push(await timed(filled, round * WRITE_BYTES));
    }
    return median(overwritten) < median(appended) * WORTH_IT ? 'recycled' : 'append';
  } finally {
    for (const file of open) await file.close();
    for (const path of Object.values(paths)) await fileSystem.remove(path).catch(() => undefined);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[values.length >> 1] ?? 0;
}
