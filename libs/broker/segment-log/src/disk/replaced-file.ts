// Small files that are replaced as a whole.
//
// Guarantees: after a crash the file holds the old bytes or the new ones, never a mixture; once the call resolves, the
// new ones.

import { failpoint } from '@pulses/shared-failpoints';
import type { FileHandle, FileSystem } from '@pulses/shared-ports';
import { createOrReset, readUpTo, writeAll } from './full-io';
import { isMissing } from './disk-errors';

export const TEMPORARY_SUFFIX = '.tmp';

/** @throws the port's error; the temporary file is removed then, or reset the next time */
export async function replaceFile(
  fileSystem: FileSystem,
  directory: string,
  name: string,
  buffers: readonly Uint8Array[],
): Promise<void> {
  const temporary = `${directory}/${name}${TEMPORARY_SUFFIX}`;
  const handle = await createOrReset(fileSystem, temporary);
  try {
    await writeAll(handle, buffers, 0);
    await handle.datasync();
  } catch (error) {
    // On a full disk it would keep the room that others have.
    await fileSystem.remove(temporary).catch(() => undefined);
    throw error;
  } finally {
    await handle.close();
  }
  failpoint('replaced-file.after-sync');
  await fileSystem.rename(temporary, `${directory}/${name}`);
  failpoint('replaced-file.after-rename');
  await fileSystem.syncDirectory(directory);
}

/** All bytes of the file; undefined when there is none. */
export async function readWhole(fileSystem: FileSystem, path: string): Promise<Uint8Array | undefined> {
  let handle: FileHandle;
  try {
    handle = await fileSystem.open(path, 'read');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const bytes = Buffer.allocUnsafeSlow(await handle.size());
    return bytes.subarray(0, await readUpTo(handle, bytes, 0));
  } finally {
    await handle.close();
  }
}

/** Removes temporary files of an interrupted write. */
export async function removeTemporaries(fileSystem: FileSystem, directory: string): Promise<void> {
  for (const name of await fileSystem.list(directory)) {
    if (name.endsWith(TEMPORARY_SUFFIX)) await fileSystem.remove(`${directory}/${name}`);
  }
}
