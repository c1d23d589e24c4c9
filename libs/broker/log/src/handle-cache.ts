// Open files of the topics, the least recently used of which are closed when there are too many.
//
// Guarantees: a file stays open while someone uses it; one descriptor a file. When the system has no descriptor
// left, the idle ones are given back and the open is tried once more.
// Bounds: `openMax` idle files, and those in use at the moment.

import type { FileHandle, FileSystem } from '@pulses/shared-ports';
import { isOutOfDescriptors } from './storage-errors';

interface CachedFile {
  readonly handle: Promise<FileHandle>;
  users: number;
  isForgotten: boolean;
}

export interface HandleCache {
  /** Opens the file for reading and writing unless it is open, and keeps it open while `work` runs. */
  use<T>(path: string, work: (handle: FileHandle) => Promise<T>): Promise<T>;
  /** Opens the file for reading, while `work` runs and no longer. */
  once<T>(path: string, work: (handle: FileHandle) => Promise<T>): Promise<T>;
  /** Closes the file when its last user is done: it was removed. */
  forget(path: string): Promise<void>;
  /** Closes what is not in use. */
  shed(): Promise<void>;
  /** Does what needs a descriptor; when the system has none left, closes what is not in use and does it once more. */
  orShed<T>(open: () => Promise<T>): Promise<T>;
  readonly size: number;
}

export function createHandleCache(fileSystem: FileSystem, openMax: number): HandleCache {
  // In order of use, oldest first.
  const files = new Map<string, CachedFile>();

  const shedTo = async (countMax: number): Promise<void> => {
    const closing: Promise<void>[] = [];
    for (const [path, file] of files) {
      if (files.size <= countMax) break;
      if (file.users > 0) continue;
      files.delete(path);
      closing.push(file.handle.then((handle) => handle.close()));
    }
    await Promise.all(closing);
  };

  const orShed = async <T>(open: () => Promise<T>): Promise<T> => {
    try {
      return await open();
    } catch (error) {
      if (!isOutOfDescriptors(error)) throw error;
      await shedTo(0);
      return await open();
    }
  };

  const use = async <T>(path: string, work: (handle: FileHandle) => Promise<T>): Promise<T> => {
    let file = files.get(path);
    if (file === undefined) {
      file = { handle: orShed(() => fileSystem.open(path, 'write')), users: 0, isForgotten: false };
    } else {
      files.delete(path);
    }
    files.set(path, file);
    file.users += 1;
    let handle: FileHandle;
    try {
      handle = await file.handle;
    } catch (error) {
      if (files.get(path) === file) files.delete(path);
      throw error;
    }
    try {
      return await work(handle);
    } finally {
      file.users -= 1;
      if (file.users === 0 && file.isForgotten) await handle.close();
      if (files.size > openMax) await shedTo(openMax);
    }
  };

  return {
    get size() {
      return files.size;
    },
    use,
    once: async (path, work) => {
      const handle = await orShed(() => fileSystem.open(path, 'read'));
      try {
        return await work(handle);
      } finally {
        await handle.close();
      }
    },
    forget: async (path) => {
      const file = files.get(path);
      if (file === undefined) return;
      files.delete(path);
      file.isForgotten = true;
      if (file.users === 0) await (await file.handle).close();
    },
    shed: () => shedTo(0),
    orShed,
  };
}
