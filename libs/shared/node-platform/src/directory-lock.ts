// A lock of the kernel that gives one process a directory.
//
// Node offers neither flock nor fcntl, but its built-in SQLite takes an fcntl lock for a transaction. The kernel releases
// the lock at the end of the process, even after SIGKILL, and enforces it between containers on one volume.
// Does not survive: file systems without POSIX locks (some network mounts).

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PulsesError } from '@pulses/shared-errors';
import type { DirectoryLock } from '@pulses/shared-ports';

const SQLITE_BUSY = 5;
/** SQLITE_PERM, SQLITE_READONLY and SQLITE_CANTOPEN. */
const SQLITE_UNWRITABLE = [3, 8, 14];
/** The low byte of an extended error code is the error. */
const SQLITE_CODE_MASK = 0xff;
const LOCK_FILE = 'broker.lock';

/** Locks of this process, since an fcntl lock does not exclude its own process. */
const held = new Set<string>();

/** See FileSystem. @throws PulsesError DATA_DIR_LOCKED, STORAGE_FAILED */
export function lockDirectory(path: string, isReader = false): DirectoryLock {
  const file = join(path, LOCK_FILE);
  if (held.has(file)) throw lockedError(path);
  if (isReader && !existsSync(file)) return { release: () => Promise.resolve() };
  const database = openExclusive(path, file);
  held.add(file);
  return {
    release: () => {
      held.delete(file);
      database.close();
      return Promise.resolve();
    },
  };
}

/** @throws PulsesError DATA_DIR_LOCKED, STORAGE_FAILED */
function openExclusive(path: string, file: string): { close(): void } {
  // Loaded here, so that an older Node can still load the bundle and report which version it needs.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  let close = () => undefined as void;
  try {
    const database = new DatabaseSync(file, { timeout: 0 });
    close = () => {
      database.close();
    };
    database.exec('PRAGMA journal_mode = OFF; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    close();
    const code = ((error as { errcode?: number }).errcode ?? 0) & SQLITE_CODE_MASK;
    if (code === SQLITE_BUSY) throw lockedError(path);
    if (!SQLITE_UNWRITABLE.includes(code)) throw error;
    throw new PulsesError('STORAGE_FAILED', `${file} can't be written, so ${path} can't be locked`, { cause: error });
  }
}

function lockedError(path: string): PulsesError {
  return new PulsesError('DATA_DIR_LOCKED', `the data directory ${path} is open in another broker`);
}
