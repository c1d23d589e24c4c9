// Reads pieces of the original's files.
//
// Bounds: `KEPT_BYTES_MAX` of whole journal segments, which are read in the order of topics, else a window of one file.

import { createWindowReader, readUpTo, readWhole, type WindowReader } from '@pulses/broker-segment-log';
import type { FileHandle, FileSystem } from '@pulses/shared-ports';

const KEPT_BYTES_MAX = 256 * 1024 * 1024;

export class SourceFiles {
  readonly #fileSystem: FileSystem;
  readonly #kept = new Map<string, Uint8Array>();
  #keptBytes = 0;
  #open: { readonly path: string; readonly file: FileHandle; readonly reader: WindowReader } | undefined;

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
  }

  /** Of a segment, anywhere. @throws the port's error */
  async anywhere(path: string, position: number, length: number): Promise<Uint8Array> {
    const kept = this.#kept.get(path) ?? (await this.#keep(path));
    if (kept !== undefined) return kept.subarray(position, position + length);
    const file = await this.#fileSystem.open(path, 'read');
    try {
      const bytes = Buffer.allocUnsafeSlow(length);
      return bytes.subarray(0, await readUpTo(file, bytes, position));
    } finally {
      await file.close();
    }
  }

  /** Of a run, front to back. The bytes are valid until the next call. @throws the port's error */
  async inOrder(path: string, position: number, length: number): Promise<Uint8Array> {
    if (this.#open?.path !== path) {
      await this.close();
      const file = await this.#fileSystem.open(path, 'read');
      this.#open = { path, file, reader: createWindowReader(file, await file.size(), { isReused: true }) };
    }
    const { bytes, at } = await this.#open.reader.view(position, length);
    return bytes.subarray(at, at + length);
  }

  async close(): Promise<void> {
    await this.#open?.file.close();
    this.#open = undefined;
  }

  async #keep(path: string): Promise<Uint8Array | undefined> {
    const bytes = await readWhole(this.#fileSystem, path);
    if (bytes === undefined || bytes.length > KEPT_BYTES_MAX) return undefined;
    for (const [oldest, { length }] of this.#kept) {
      if (this.#keptBytes + bytes.length <= KEPT_BYTES_MAX) break;
      this.#kept.delete(oldest);
      this.#keptBytes -= length;
    }
    this.#kept.set(path, bytes);
    this.#keptBytes += bytes.length;
    return bytes;
  }
}
