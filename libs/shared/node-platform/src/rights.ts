// Rights of files and directories.

import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';

const RIGHTS = 0o7777;
const RIGHTS_OF_OTHERS = 0o077;

/** See FileSystem. @throws the system's error */
export async function isPrivate(path: string): Promise<boolean> {
  const info = await lstat(path);
  return !(info.isFile() || info.isDirectory()) || (info.mode & RIGHTS_OF_OTHERS) === 0;
}

/** See FileSystem. @throws the system's error */
export async function makePrivate(path: string): Promise<void> {
  // By descriptor: what the name stands for may change meanwhile. Without waiting, which opening a pipe does.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { mode } = await handle.stat();
    await handle.chmod(mode & RIGHTS & ~RIGHTS_OF_OTHERS);
  } finally {
    await handle.close();
  }
}
