// Writes a file front to back in blocks, out of small pieces.
//
// A file that is synchronised once, at its end, is a burst of writes that every other synchronisation waits for. So each
// block is synchronised by itself, as long as time does not matter.

import type { FileHandle } from '@pulses/shared-ports';
import { writeAll } from './full-io';

const BLOCK_BYTES = 1024 * 1024;

/** Gathers small pieces of a file; waiting for each block lets everything else run. */
export class BlockWriter {
  readonly #file: FileHandle;
  readonly #isHurried: () => boolean;
  readonly #block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  #used = 0;
  #position = 0;

  /** @param isHurried whether blocks are left to a synchronisation at the end, which takes less time */
  constructor(file: FileHandle, isHurried: () => boolean = () => false) {
    this.#file = file;
    this.#isHurried = isHurried;
  }

  /** Copies `bytes[from, from + length)`; false when there is no room. */
  put(bytes: Uint8Array, from: number, length: number): boolean {
    if (this.#used + length > this.#block.length) return false;
    (Buffer.prototype as Buffer).copy.call(bytes, this.#block, this.#used, from, from + length);
    this.#used += length;
    return true;
  }

  /** The last `length` bytes, for which there was room before. */
  last(length: number): Uint8Array {
    return this.#block.subarray(this.#used - length, this.#used);
  }

  /** Whether so much can be put without a write. */
  hasRoom(length: number): boolean {
    return this.#used + length <= this.#block.length;
  }

  async add(bytes: Uint8Array): Promise<void> {
    if (this.put(bytes, 0, bytes.length)) return;
    await this.flush();
    if (this.put(bytes, 0, bytes.length)) return;
    await this.#write(bytes);
  }

  async flush(): Promise<void> {
    if (this.#used === 0) return;
    await this.#write(this.#block.subarray(0, this.#used));
    this.#used = 0;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await writeAll(this.#file, [bytes], this.#position);
    this.#position += bytes.length;
    if (!this.#isHurried()) await this.#file.datasync();
  }
}
