// Bytes of an incomplete frame or line, copied into blocks, so that the chunks they arrived in are free at once.
//
// Guarantees: `take` returns the bytes in the order of `add`. Bounds: twice `length` of memory, and `length` once more
// during `take`.

import { freeMemory, LARGE_BYTES } from './memory';

const BLOCK_BYTES_MAX = LARGE_BYTES;

/** The bytes received so far of an incomplete frame or line. */
export interface PartialFrameBuffer {
  readonly length: number;
  add(chunk: Buffer): void;
  /** Moves all bytes into one buffer, which the caller owns. */
  take(): Buffer;
  /** Frees the memory at once. */
  drop(): void;
}

const NONE = Buffer.alloc(0);

export function createPartialFrameBuffer(): PartialFrameBuffer {
  return new BlockBuffer();
}

class BlockBuffer implements PartialFrameBuffer {
  length = 0;
  /** Full ones. */
  private blocks: Buffer[] = [];
  private open: Buffer = NONE;
  private openBytes = 0;

  add(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      if (this.openBytes === this.open.length) {
        if (this.openBytes > 0) this.blocks.push(this.open);
        // Doubles, so that a connection that sent a few bytes holds a few bytes.
        this.open = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES_MAX, Math.max(chunk.length - at, this.length)));
        this.openBytes = 0;
      }
      const count = chunk.copy(this.open, this.openBytes, at);
      at += count;
      this.openBytes += count;
      this.length += count;
    }
  }

  drop(): void {
    for (const { buffer } of [...this.blocks, this.open]) if (buffer.byteLength >= LARGE_BYTES) freeMemory(buffer);
    this.forget();
  }

  take(): Buffer {
    if (this.blocks.length === 0) {
      const only = this.open.subarray(0, this.openBytes);
      this.forget();
      return only;
    }
    const whole = Buffer.allocUnsafeSlow(this.length);
    let at = 0;
    for (const block of this.blocks) at += block.copy(whole, at);
    this.open.copy(whole, at, 0, this.openBytes);
    this.drop();
    return whole;
  }

  private forget(): void {
    this.blocks = [];
    this.open = NONE;
    this.openBytes = 0;
    this.length = 0;
  }
}
