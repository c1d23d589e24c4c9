// Writers of pieces of files: over the file system's handles, and one that gives descriptors back when there are none left.

import type { FileHandle, FileSystem, FileWriter } from '@pulses/shared-ports';
import { dirname } from 'node:path';
import { writeAll } from './full-io';
import type { HandleCache } from './handle-cache';
import { createOrReset } from './journal-writer';

/** Opens, writes and closes each file by calls of the port. */
export function fileWriterOver(fileSystem: FileSystem): FileWriter {
  const writeAndClose = async (handle: FileHandle, buffers: readonly Uint8Array[], position: number): Promise<void> => {
    try {
      await writeAll(handle, buffers, position);
    } finally {
      await handle.close();
    }
  };
  return {
    write: async (path, buffers, position) => writeAndClose(await fileSystem.open(path, 'write'), buffers, position),
    reset: async (path, buffers) => {
      await fileSystem.makeDirectory(dirname(path));
      await writeAndClose(await createOrReset(fileSystem, path), buffers, 0);
    },
  };
}

/** When the system has no descriptor left, the idle ones of the cache are given back and the piece is tried once more. */
export function sheddingWriter(writer: FileWriter, cache: HandleCache): FileWriter {
  return {
    write: (path, buffers, position) => cache.orShed(() => writer.write(path, buffers, position)),
    reset: (path, buffers) => cache.orShed(() => writer.reset(path, buffers)),
  };
}
