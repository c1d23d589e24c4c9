// Paths where the system shows its own state as files.

import { realpath } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';

const PSEUDO_FILE_SYSTEMS = ['/proc', '/sys', '/dev'];
/** A file system in memory, meant for files. */
const SHARED_MEMORY = '/dev/shm';

/** See FileSystem. @throws the system's error, but not for a path that does not exist */
export async function pseudoFileSystemOf(path: string): Promise<string | undefined> {
  const real = await realPathOf(resolve(path));
  if (isBelow(real, SHARED_MEMORY)) return undefined;
  return PSEUDO_FILE_SYSTEMS.find((mount) => isBelow(real, mount));
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

/** With the links of the part that exists followed. */
async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const parent = dirname(path);
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['ENOENT', 'ENOTDIR'].includes(code) || parent === path) throw error;
    return join(await realPathOf(parent), relative(parent, path));
  }
}
