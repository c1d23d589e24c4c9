// Whole reads and writes over a port whose calls may be short.

import type { FileHandle, FileSystem, OpenMode } from '@pulses/shared-ports';
import { systemCode } from './disk-errors';

/** Opens the file for `use`, and closes it. @throws the port's error, and what `use` throws */
export async function withFile<T>(
  fileSystem: FileSystem,
  path: string,
  mode: OpenMode,
  use: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const file = await fileSystem.open(path, mode);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/**
 * Writes all buffers back to back at `position`, however many calls that takes.
 * @throws the port's error, or an Error when a call writes nothing; some bytes may then be written
 */
export async function writeAll(handle: FileHandle, buffers: readonly Uint8Array[], position: number): Promise<void> {
  let rest = buffers;
  let at = position;
  while (rest.length > 0) {
    const written = rest.length === 1 ? await handle.write(rest[0]!, at) : await handle.writev(rest, at); // length 1: has one
    at += written;
    rest = dropBytes(rest, written);
    if (written === 0 && rest.length > 0) throw new Error('a write took no bytes');
  }
}

function dropBytes(buffers: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count;
  let index = 0;
  while (index < buffers.length && left >= buffers[index]!.length) {
    left -= buffers[index]!.length; // below the length
    index += 1;
  }
  if (index === buffers.length) return [];
  if (left === 0) return buffers.slice(index);
  return [buffers[index]!.subarray(left), ...buffers.slice(index + 1)]; // below the length
}

/** Reads until `into` is full or the file ends; resolves to the count read. */
export async function readUpTo(handle: FileHandle, into: Uint8Array, position: number): Promise<number> {
  let count = 0;
  while (count < into.length) {
    const read = await handle.read(into.subarray(count), position + count);
    if (read === 0) break;
    count += read;
  }
  return count;
}

/** A new file, or an emptied one: it may be there already, from an attempt that found no room. */
export async function createOrReset(fileSystem: FileSystem, path: string): Promise<FileHandle> {
  try {
    return await fileSystem.open(path, 'create');
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  }
  const handle = await fileSystem.open(path, 'write');
  try {
    await handle.truncate(0);
  } catch (error) {
    await handle.close();
    throw error;
  }
  return handle;
}
