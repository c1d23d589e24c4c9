// The data directory of a log.
//
//   manifest       format and id of the log
//   journal/       segments of frames, and `attested`
//   runs/          sealed messages
//   checkpoints/   two generations
//   topics/        lines for people, written beside the log

import { dirname } from 'node:path';
import type { FileSystem } from '@pulses/shared-ports';
import { systemCode } from './disk-errors';
import { CHECKPOINTS, JOURNAL, RUNS } from './names';
import { removeTemporaries } from './replaced-file';

export interface Directories {
  readonly data: string;
  readonly journal: string;
  readonly runs: string;
  readonly checkpoints: string;
}

/** Makes the data directory unless it exists, and its own name durable: all that is stored hangs on it. */
export async function makeDataDirectory(fileSystem: FileSystem, directory: string): Promise<void> {
  const holders = [dirname(directory)];
  let holder = dirname(directory);
  // The parents that are about to be made, too.
  while (holder !== dirname(holder) && !(await fileSystem.exists(holder))) {
    holder = dirname(holder);
    holders.push(holder);
  }
  await fileSystem.makeDirectory(directory);
  for (const path of holders) {
    try {
      await fileSystem.syncDirectory(path);
    } catch (error) {
      // A process that may not read the directory has not made a name in it just now.
      if (systemCode(error) !== 'EACCES') throw error;
    }
  }
}

/** Where the parts of a data directory are, whether they are there or not. */
export function directoriesOf(data: string): Directories {
  return { data, journal: `${data}/${JOURNAL}`, runs: `${data}/${RUNS}`, checkpoints: `${data}/${CHECKPOINTS}` };
}

/** Makes what is in the data directory, and removes what an interrupted write has left. */
export async function makeDirectories(fileSystem: FileSystem, data: string): Promise<Directories> {
  const directories = directoriesOf(data);
  const inside = [directories.journal, directories.runs, directories.checkpoints];
  for (const directory of inside) await fileSystem.makeDirectory(directory);
  await fileSystem.syncDirectory(data);
  for (const directory of inside) await removeTemporaries(fileSystem, directory);
  return directories;
}
