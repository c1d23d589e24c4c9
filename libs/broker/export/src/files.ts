// What an export needs of files, over a port whose calls may be short.

import type { FileHandle, FileSystem, OpenMode } from '@pulses/shared-ports';

const READ_BYTES = 1024 * 1024;
const LINE_FEED = 0x0a;

/** `code` that the system or the simulation put on the error. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Opens the file for `use`, and closes it. @throws the port's error, and what `use` throws */
export async function withFile<Result>(
  fileSystem: FileSystem,
  path: string,
  mode: OpenMode,
  use: (handle: FileHandle) => Promise<Result>,
): Promise<Result> {
  const handle = await fileSystem.open(path, mode);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

/** Writes all bytes at `position`. @throws the port's error; some bytes may then be written */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const written = await handle.write(bytes.subarray(at), position + at);
    if (written === 0) throw new Error('a write took no bytes');
    at += written;
  }
}

/** Whole lines from `from` on, and where the last one ends. */
export async function countLines(handle: FileHandle, from: number): Promise<{ lines: number; end: number }> {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  let lines = 0;
  let end = from;
  for (let position = from; ;) {
    const bytes = buffer.subarray(0, await handle.read(buffer, position));
    if (bytes.length === 0) return { lines, end };
    for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, at + 1)) {
      lines += 1;
      end = position + at + 1;
    }
    position += bytes.length;
  }
}

/** Names in a directory; none when there is no such directory. @throws the port's error */
export async function listIn(fileSystem: FileSystem, directory: string): Promise<string[]> {
  try {
    return await fileSystem.list(directory);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Removes the file, unless it is gone. @throws the port's error */
export async function removeIfThere(fileSystem: FileSystem, path: string): Promise<void> {
  try {
    await fileSystem.remove(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}
