// A file system that counts what the disk is given.
//
// Guarantees: each write counts the whole blocks that it touches. A block that two writes share counts twice: written
// through, the disk gets it twice. What the file system writes for itself is not counted. Nor are folios: where the page
// cache keeps a file in pieces of up to 2 MiB, the kernel accounts such a piece to the process for each write into it.

import type { FileHandle, FileSystem } from '@pulses/shared-ports';

const BLOCK_BYTES = 4_096;

/** @param count called with the bytes of each write, in whole blocks */
export function countedWrites(fileSystem: FileSystem, count: (bytes: number) => void): FileSystem {
  const counted = async (written: Promise<number>, position: number): Promise<number> => {
    const bytes = await written;
    count(blocksOf(position, bytes) * BLOCK_BYTES);
    return bytes;
  };
  const handleOf = (handle: FileHandle): FileHandle => ({
    ...handle,
    write: (bytes, position) => counted(handle.write(bytes, position), position),
    writev: (buffers, position) => counted(handle.writev(buffers, position), position),
  });
  return { ...fileSystem, open: async (path, mode) => handleOf(await fileSystem.open(path, mode)) };
}

/** Blocks that a write touches. */
function blocksOf(position: number, bytes: number): number {
  return bytes === 0 ? 0 : Math.floor((position + bytes - 1) / BLOCK_BYTES) - Math.floor(position / BLOCK_BYTES) + 1;
}
