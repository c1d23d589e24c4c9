// Journal segments that were written in full once and are used again: overwriting written blocks needs no change of the
// file system's own metadata, so a synchronisation is shorter.
//
//   spare header = magic 8 bytes · zero to 64 bytes
//
// A spare says in its header that it holds no frame, durably, before it has its name. When it is used again, its new name
// is durable before its new header is written, so an old name never comes back with it. The new header's magic is written
// last. So until the header is whole the file says that it holds no frame, also when the write of a magic was torn. What is
// left behind the header are frames of before: lower LSNs, and no chain of CRCs leads to them.
//
// Guarantees: a segment that is given up is never read as one again, wherever a crash falls. Bounds: two spares.

import type { FileHandle, FileSystem } from '@pulses/shared-ports';
import { withFile, writeAll } from '../disk/full-io';
import { makeFile } from '../disk/replaced-file';
import { SEGMENT_HEADER_BYTES, SEGMENT_MAGIC } from './segment-header';

const SPARES_MAX = 2;
const SUFFIX = '.spare';
const MAGIC = new TextEncoder().encode('PULSSPAR');
const BLOCK_BYTES = 1024 * 1024;

/** Whether a file says that it holds no frame: by the magic of a spare, or by one of which a part was written over. */
export function isSpareHeader(bytes: Uint8Array): boolean {
  if (bytes.length < MAGIC.length || startOf(bytes, SEGMENT_MAGIC) === MAGIC.length) return false;
  return isOneOver(bytes, MAGIC, SEGMENT_MAGIC) || isOneOver(bytes, SEGMENT_MAGIC, MAGIC);
}

/** Whether the magic begins as `over` and ends as `under`. */
function isOneOver(bytes: Uint8Array, over: Uint8Array, under: Uint8Array): boolean {
  return under.subarray(startOf(bytes, over)).every((byte, index) => bytes[startOf(bytes, over) + index] === byte);
}

/** How many bytes of the magic the bytes begin with. */
function startOf(bytes: Uint8Array, magic: Uint8Array): number {
  const at = magic.findIndex((byte, index) => bytes[index] !== byte);
  return at === -1 ? magic.length : at;
}

/** Makes a spare a segment: its magic comes last. @throws the port's error */
export async function writeOverSpare(file: FileHandle, header: Uint8Array): Promise<void> {
  await writeAll(file, [header.subarray(MAGIC.length)], MAGIC.length);
  await file.datasync();
  await writeAll(file, [header.subarray(0, MAGIC.length)], 0);
}

export class SpareSegments {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #lengthBytes: number;
  /** Paths. */
  #spares: string[] = [];
  #made = 0;

  /** @param lengthBytes what a new spare is filled to */
  constructor(fileSystem: FileSystem, directory: string, lengthBytes: number) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#lengthBytes = lengthBytes;
  }

  /** Takes over the spares of before, also short ones: they grow when they are used. @throws the port's error */
  async adopt(): Promise<void> {
    const stored = await this.#stored();
    this.#spares = stored.slice(0, SPARES_MAX);
    for (const path of stored.slice(SPARES_MAX)) await this.#fileSystem.remove(path);
  }

  /** Removes the spares of before: none is used. @throws the port's error */
  async clear(): Promise<void> {
    for (const path of await this.#stored()) await this.#fileSystem.remove(path);
  }

  /** Makes the spares that are missing. Else segments that are given up become some. @throws the port's error */
  async fill(): Promise<void> {
    while (this.#spares.length < SPARES_MAX) await this.#make();
  }

  /** Path of a spare, which belongs to the caller from now on. */
  take(): string | undefined {
    return this.#spares.pop();
  }

  /** A segment that no start needs becomes a spare, or goes. @throws the port's error */
  async retire(path: string): Promise<void> {
    if (this.#spares.length >= SPARES_MAX) {
      await this.#fileSystem.remove(path);
      return;
    }
    await withFile(this.#fileSystem, path, 'write', markSpare);
    const spare = await this.#freePath();
    await this.#fileSystem.rename(path, spare);
    this.#spares.push(spare);
  }

  async #stored(): Promise<string[]> {
    const names = await this.#fileSystem.list(this.#directory);
    return names.filter((name) => name.endsWith(SUFFIX)).map((name) => `${this.#directory}/${name}`);
  }

  async #make(): Promise<void> {
    const spare = await this.#freePath();
    await makeFile(this.#fileSystem, spare, async (file) => {
      const zero = new Uint8Array(Math.min(BLOCK_BYTES, this.#lengthBytes));
      for (let at = 0; at < this.#lengthBytes; at += zero.length) {
        await writeAll(file, [zero.subarray(0, this.#lengthBytes - at)], at);
      }
      await markSpare(file);
    });
    this.#spares.push(spare);
  }

  async #freePath(): Promise<string> {
    const taken = new Set(await this.#fileSystem.list(this.#directory));
    let spare: string;
    do {
      this.#made += 1;
      spare = `${this.#made}${SUFFIX}`;
    } while (taken.has(spare));
    return `${this.#directory}/${spare}`;
  }
}

async function markSpare(file: FileHandle): Promise<void> {
  const header = new Uint8Array(SEGMENT_HEADER_BYTES);
  header.set(MAGIC);
  await writeAll(file, [header], 0);
  await file.datasync();
}
