// Writers of pieces of files: over the file system's handles, and one that gives descriptors back when there are none left.

import type { FileSystem, FileWriter } from '@pulses/shared-ports';
import { dirname } from 'node:path';
import { writeAll } from './full-io';
import type { HandleCache } from './handle-cache';
import { createOrReset } from './journal-writer';
import { isOutOfDescriptors } from './storage-errors';

/** Opens, writes and closes each file by calls of the port. */
export function fileWriterOver(fileSystem: FileSystem): FileWriter {
  return {
    write: async (path, buffers, position) => {
      const handle = await fileSystem.open(path, 'write');
      try {
        await writeAll(handle, buffers, position);
      } finally {
        await handle.close();
      }
    },
    reset: async (path, buffers) => {
      await fileSystem.makeDirectory(dirname(path));
      const handle = await createOrReset(fileSystem, path);
      try {
        await writeAll(handle, buffers, 0);
      } finally {
        await handle.close();
      }
    },
  };
}

/** When the system has no descriptor left, the idle ones of the cache are given back and the piece is tried once more. */
export function sheddingWriter(writer: FileWriter, cache: HandleCache): FileWriter {
  const orShed = async (put: () => Promise<void>): Promise<void> => {
    try {
      await put();
    } catch (error) {
      if (!isOutOfDescriptors(error)) throw error;
      await cache.shed();
      await put();
    }
  };
  return {
    write: (path, buffers, position) => orShed(() => writer.write(path, buffers, position)),
    reset: (path, buffers) => orShed(() => writer.reset(path, buffers)),
  };
}
