// Which way of writing the journal makes a short write durable sooner, on this disk.
//
// A file that grows needs the file system's own journal for its new length; one whose blocks were written before does not.
// What that is worth depends on file system and disk, so it is measured in the directory itself.
//
// Bounds: a file of FILLED_BYTES and ROUNDS writes in each way, one after the other in turns.

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
  try {
    const growing = await createOrReset(fileSystem, paths.growing);
    open.push(growing);
    open.push(await fill(fileSystem, paths.filled));
    const writtenThrough = await fileSystem.open(paths.filled, 'write-through');
    open.push(writtenThrough);
    const [appended, overwritten]: [number[], number[]] = [[], []];
    const bytes = new Uint8Array(WRITE_BYTES);
    const timed = async (work: () => Promise<void>): Promise<number> => {
      const startMs = clock.monotonicMs();
      await work();
      return clock.monotonicMs() - startMs;
    };
    for (let round = 0; round < ROUNDS; round += 1) {
      const at = round * WRITE_BYTES;
      appended.push(
        await timed(async () => {
          await writeAll(growing, [bytes], at);
          await growing.datasync();
        }),
      );
      overwritten.push(await timed(() => writeAll(writtenThrough, [bytes], at)));
    }
    return median(overwritten) < median(appended) * WORTH_IT ? 'recycled' : 'append';
  } finally {
    for (const file of open) await file.close();
    for (const path of Object.values(paths)) await fileSystem.remove(path).catch(() => undefined);
  }
}

async function fill(fileSystem: FileSystem, path: string): Promise<FileHandle> {
  const file = await createOrReset(fileSystem, path);
  await writeAll(file, [new Uint8Array(FILLED_BYTES)], 0);
  await file.datasync();
  return file;
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[values.length >> 1] ?? 0;
}
