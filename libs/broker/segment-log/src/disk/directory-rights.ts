// Whether a directory may hold a log, and that this user alone can read what is in it.
//
// Guarantees: nothing is changed in a directory that is refused. Bounds: looks at the names of the log's own directories.

import { PulsesError } from '@pulses/shared-errors';
import type { FileSystem, Logger } from '@pulses/shared-ports';
import { systemCode } from './disk-errors';
import { CHECKPOINTS, JOURNAL, listIn, MANIFEST, RUNS } from './names';

/** Made by a file system, not by anyone who keeps files. */
const OF_THE_SYSTEM = new Set(['lost+found']);

function notValid(directory: string, why: string, cause?: unknown): PulsesError {
  return new PulsesError('CONFIG_INVALID', `--data-dir: '${directory}' is not valid: ${why}`, { cause });
}

/** @throws PulsesError CONFIG_INVALID where no file stays */
export async function checkPlace(fileSystem: FileSystem, directory: string): Promise<void> {
  const mount = await fileSystem.pseudoFileSystemOf(directory);
  if (mount !== undefined) throw notValid(directory, `${mount} keeps no files; allowed: a directory on a disk`);
}

/**
 * Takes the rights of other users away, of the directory and what the log has in it.
 * @throws PulsesError CONFIG_INVALID when that cannot be done, or the directory is not the log's to change
 */
export async function tightenRights(fileSystem: FileSystem, directory: string, logger: Logger): Promise<void> {
  // With a dot, so that a link to the directory is followed.
  if (!(await fileSystem.isPrivate(`${directory}/.`))) {
    const foreign = await foreignNameIn(fileSystem, directory);
    if (foreign !== undefined) {
      const why = `other users have rights on it, and it holds other files ('${foreign}')`;
      throw notValid(directory, `${why}; allowed: an empty directory, or one with mode 0700`);
    }
    await tighten(fileSystem, directory, `${directory}/.`);
    logger.warn({ dataDir: directory }, 'other users had rights on the data directory, they were taken away');
  }
  let tightened = 0;
  for (const path of await pathsIn(fileSystem, directory)) {
    if (await fileSystem.isPrivate(path)) continue;
    await tighten(fileSystem, directory, path);
    tightened += 1;
  }
  if (tightened > 0) logger.warn({ dataDir: directory, files: tightened }, 'other users had rights on stored files');
}

async function tighten(fileSystem: FileSystem, directory: string, path: string): Promise<void> {
  try {
    await fileSystem.makePrivate(path);
  } catch (error) {
    const why = `other users have rights on ${path}, which this user can't change (${systemCode(error) ?? String(error)})`;
    throw notValid(directory, `${why}; allowed: a directory of this user's own, such as '${directory}/broker'`, error);
  }
}

/** A name in a directory that holds no log. */
async function foreignNameIn(fileSystem: FileSystem, directory: string): Promise<string | undefined> {
  const names = await fileSystem.list(directory);
  if ([MANIFEST, JOURNAL, RUNS, CHECKPOINTS].some((name) => names.includes(name))) return undefined;
  return names.find((name) => !OF_THE_SYSTEM.has(name));
}

/** What the log has in its directory; the lines for people are what is written beside it. */
async function pathsIn(fileSystem: FileSystem, directory: string): Promise<string[]> {
  const names = (await fileSystem.list(directory)).filter((name) => !OF_THE_SYSTEM.has(name));
  const paths = names.map((name) => `${directory}/${name}`);
  for (const part of [JOURNAL, RUNS, CHECKPOINTS].filter((name) => names.includes(name))) {
    for (const name of await listIn(fileSystem, `${directory}/${part}`)) paths.push(`${directory}/${part}/${name}`);
  }
  return paths;
}
