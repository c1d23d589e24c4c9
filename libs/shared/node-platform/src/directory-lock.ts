// A lock of the kernel that gives one process a directory.
//
// Node offers neither flock nor fcntl, but its built-in SQLite takes an fcntl lock for a transaction. The kernel releases
// the lock at the end of the process, even after SIGKILL, and enforces it between containers on one volume.
// Does not survive: file systems without POSIX locks (some network mounts).

import { join } from 'node:path';
import { PulsesError } from '@pulses/shared-errors';
import type { DirectoryLock } from '@pulses/shared-ports';

const SQLITE_BUSY = 5;
const LOCK_FILE = 'broker.lock';

/** Locks of this process, since an fcntl lock does not exclude its own process. */
const held = new Set<string>();

/** @throws PulsesError DATA_DIR_LOCKED */
export function lockDirectory(path: string): DirectoryLock {
  const file = join(path, LOCK_FILE);
  if (held.has(file)) throw lockedError(path);
  // Loaded here, so that an older Node can still load the bundle and report which version it needs.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode = OFF; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) throw lockedError(path);
    throw error;
  }
  held.add(file);
  return {
    release: () => {
      held.delete(file);
      database.close();
      return Promise.resolve();
    },
  };
}

function lockedError(path: string): PulsesError {
  return new PulsesError('DATA_DIR_LOCKED', `the data directory ${path} is open in another broker`);
}
