// Files that are made or replaced as a whole.
//
// Guarantees: after a crash the file holds the old bytes or the new ones, never a mixture.

import { failpoint } from '@pulses/shared-failpoints';
import type { FileHandle, FileSystem } from '@pulses/shared-ports';
import { createOrReset, readUpTo, withFile, writeAll } from './full-io';
import { isMissing } from './disk-errors';

export const TEMPORARY_SUFFIX = '.tmp';

/**
 * Makes a file under a temporary name, and gives it its own, which is not durable yet.
 * @param fill writes it and makes it durable
 * @throws the port's error, and what `fill` throws; the temporary file is removed then, or reset the next time
 */
export async function makeFile<T>(
  fileSystem: FileSystem,
  path: string,
  fill: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const temporary = `${path}${TEMPORARY_SUFFIX}`;
  const file = await createOrReset(fileSystem, temporary);
  let result: T;
  try {
    result = await fill(file);
  } catch (error) {
    // On a full disk it would keep the room that others have.
    await fileSystem.remove(temporary).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
  await fileSystem.rename(temporary, path);
  return result;
}

/** Makes or replaces a small file, durably. @throws the port's error */
export async function replaceFile(
  fileSystem: FileSystem,
  directory: string,
  name: string,
  bytes: Uint8Array,
): Promise<void> {
  await makeFile(fileSystem, `${directory}/${name}`, async (file) => {
    await writeAll(file, [bytes], 0);
    await file.datasync();
    failpoint('replaced-file.after-sync');
  });
  failpoint('replaced-file.after-rename');
  await fileSystem.syncDirectory(directory);
}

/** All bytes of the file; undefined when there is none. */
export async function readWhole(fileSystem: FileSystem, path: string): Promise<Uint8Array | undefined> {
  try {
    return await withFile(fileSystem, path, 'read', async (file) => {
      const bytes = Buffer.allocUnsafeSlow(await file.size());
      return bytes.subarray(0, await readUpTo(file, bytes, 0));
    });
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Removes temporary files of an interrupted write. */
export async function removeTemporaries(fileSystem: FileSystem, directory: string): Promise<void> {
  for (const name of await fileSystem.list(directory)) {
    if (name.endsWith(TEMPORARY_SUFFIX)) await fileSystem.remove(`${directory}/${name}`);
  }
}
