// Files of the operating system.
//
// Guarantees: the durability that the FileSystem port promises, by fdatasync(2) and fsync(2) of directories. No symbolic
// link is followed in the last component. Does not survive: a disk that acknowledges writes before it stores them.

import { close, constants, fdatasync, fstat, ftruncate, open, read, write, writeSync, writev } from 'node:fs';
import { access, mkdir, open as openHandle, readdir, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { FileHandle, FileSystem, OpenMode } from '@pulses/shared-ports';
import { lockDirectory } from './directory-lock';
import { pseudoFileSystemOf } from './pseudo-file-system';
import { nodeClock } from './node-clock';
import { isPrivate, makePrivate } from './rights';
import { WritesInPlace } from './writes-in-place';

const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: constants.O_RDONLY | constants.O_NOFOLLOW,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
  write: constants.O_RDWR | constants.O_NOFOLLOW,
  'write-through': constants.O_RDWR | constants.O_NOFOLLOW | constants.O_DSYNC,
};

const openFile = promisify(open);
const fdatasyncFile = promisify(fdatasync);
const ftruncateFile = promisify(ftruncate);
const fstatFile = promisify(fstat);
const closeFile = promisify(close);

/** Node's own recursive mkdir never ends where the system can't make a directory, as in /proc. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    const parent = dirname(path);
    if (code !== 'ENOENT' || (await exists(parent))) throw error;
    await makeDirectory(parent);
    await makeDirectory(path);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

export const nodeFileSystem: FileSystem = {
  async open(path, mode) {
    const descriptor = await openFile(path, FLAGS[mode], 0o600);
    return mode === 'write-through' ? writtenThrough(descriptor) : handleOf(descriptor);
  },
  makeDirectory,
  list: (path) => readdir(path),
  rename: (from, to) => rename(from, to),
  remove: (path) => unlink(path),
  removeDirectory: (path) => rmdir(path),
  exists,
  async syncDirectory(path) {
    const handle = await openHandle(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  isPrivate,
  makePrivate,
  pseudoFileSystemOf,
  lockDirectory,
};

/** For all files together: it is the disk that is slow. */
const inPlace = new WritesInPlace(nodeClock);

function writtenThrough(descriptor: number): FileHandle {
  const handle = handleOf(descriptor);
  return {
    ...handle,
    write: (bytes, position) => {
      if (!inPlace.allow(bytes.byteLength)) return handle.write(bytes, position);
      return new Promise((resolve) => {
        resolve(inPlace.write(() => writeSync(descriptor, bytes, 0, bytes.byteLength, position)));
      });
    },
  };
}

// Callbacks instead of FileHandle: they halve the cost of a call, and the collector closes no descriptor.
function handleOf(descriptor: number): FileHandle {
  return {
    write: (bytes, position) =>
      new Promise((resolve, reject) => {
        write(descriptor, bytes, 0, bytes.byteLength, position, (error, written) => {
          if (error) reject(error);
          else resolve(written);
        });
      }),
    writev: (buffers, position) =>
      new Promise((resolve, reject) => {
        writev(descriptor, buffers, position, (error, written) => {
          if (error) reject(error);
          else resolve(written);
        });
      }),
    read: (into, position) =>
      new Promise((resolve, reject) => {
        read(descriptor, into, 0, into.byteLength, position, (error, bytesRead) => {
          if (error) reject(error);
          else resolve(bytesRead);
        });
      }),
    datasync: () => fdatasyncFile(descriptor),
    truncate: (lengthBytes) => ftruncateFile(descriptor, lengthBytes),
    size: async () => (await fstatFile(descriptor)).size,
    close: () => closeFile(descriptor),
  };
}
