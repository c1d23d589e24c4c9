// Two locks of the kernel that give one process a directory.
//
// The first is on the directory itself (directory-socket.ts): it holds when files of the directory are removed. Node offers
// neither flock nor fcntl, but its built-in SQLite takes an fcntl lock for a transaction. That second lock, on a file of the
// directory, also holds between containers on one volume. The kernel releases both at the end of the process, even after
// SIGKILL.
// Does not survive: the removal of the file while brokers of two containers start. The second lock does not survive
// file systems without POSIX locks (some network mounts).

import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { PulsesError } from '@pulses/shared-errors';
import type { DirectoryLock } from '@pulses/shared-ports';
import { claimDirectory } from './directory-socket';

const SQLITE_BUSY = 5;
/** SQLITE_PERM, SQLITE_READONLY and SQLITE_CANTOPEN. */
const SQLITE_UNWRITABLE = [3, 8, 14];
/** The low byte of an extended error code is the error. */
const SQLITE_CODE_MASK = 0xff;
const LOCK_FILE = 'broker.lock';

/** See FileSystem. @throws PulsesError DATA_DIR_LOCKED, STORAGE_FAILED */
export async function lockDirectory(path: string, isReader = false): Promise<DirectoryLock> {
  const claim = await claimDirectory(path);
  if (claim.kind === 'taken') throw lockedError(path, claim.pid);
  const release = () => (claim.kind === 'held' ? claim.release() : Promise.resolve());
  try {
    const file = join(path, LOCK_FILE);
    if (isReader && !existsSync(file)) return { release };
    const database = openExclusive(path, file);
    return {
      release: () => {
        database.close();
        return release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** @throws PulsesError DATA_DIR_LOCKED, STORAGE_FAILED */
function openExclusive(path: string, file: string): { close(): void } {
  // Loaded here, so that an older Node can still load the bundle and report which version it needs.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  let close = () => undefined as void;
  try {
    makePrivateFile(file);
    const database = new DatabaseSync(file, { timeout: 0 });
    close = () => {
      database.close();
    };
    database.exec('PRAGMA journal_mode = OFF; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    close();
    const code = ((error as { errcode?: number }).errcode ?? 0) & SQLITE_CODE_MASK;
    if (code === SQLITE_BUSY) throw lockedError(path, undefined);
    if (!SQLITE_UNWRITABLE.includes(code)) throw error;
    throw new PulsesError('STORAGE_FAILED', `${file} can't be written, so ${path} can't be locked`, { cause: error });
  }
}

/** SQLite would make it with the rights of the umask. */
function makePrivateFile(file: string): void {
  if (!existsSync(file)) closeSync(openSync(file, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o600));
}

function lockedError(path: string, pid: number | undefined): PulsesError {
  const holder = pid === undefined ? 'another broker' : `another broker, process ${pid}`;
  return new PulsesError('DATA_DIR_LOCKED', `the data directory ${path} is open in ${holder}`);
}
