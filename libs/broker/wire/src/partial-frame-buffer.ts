// Bytes of an incomplete frame or line, copied into blocks, so that the chunks they arrived in are free at once.
//
// Guarantees: `take` returns the bytes in the order of `add`. Bounds: twice `length` of memory, and `length` once more
// during `take`; four times `length` once it is known how many bytes will come. So a peer that announces much and sends
// little holds little.

import { freeMemory, LARGE_BYTES } from './memory';

const BLOCK_BYTES_MAX = LARGE_BYTES;
/** The share of the expected bytes that has to be there before memory is taken for all. */
const EXPECTED_SHARE = 1 / 4;

/** The bytes received so far of an incomplete frame or line. */
export interface PartialFrameBuffer {
  readonly length: number;
  add(chunk: Buffer): void;
  /** How many bytes will come in all, once that is known: from a quarter of them on, they are put where they stay. */
  expectedBytes: number | undefined;
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
  expectedBytes: number | undefined;
  /** Full ones. */
  private blocks: Buffer[] = [];
  private open: Buffer = NONE;
  private openBytes = 0;

  add(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      if (this.openBytes === this.open.length) this.openNext(chunk.length - at);
      const count = chunk.copy(this.open, this.openBytes, at);
      at += count;
      this.openBytes += count;
      this.length += count;
    }
  }

  drop(): void {
    this.free();
    this.forget();
  }

  take(): Buffer {
    if (this.blocks.length === 0) {
      const only = this.open.subarray(0, this.openBytes);
      this.forget();
      return only;
    }
    const whole = this.together(this.length);
    this.forget();
    return whole;
  }

  /** Makes room, of which at least one byte is used. */
  private openNext(bytes: number): void {
    const { expectedBytes = Infinity, length } = this;
    if (length < expectedBytes && length >= expectedBytes * EXPECTED_SHARE) {
      this.open = this.together(expectedBytes);
      this.openBytes = length;
      this.blocks = [];
      return;
    }
    if (this.openBytes > 0) this.blocks.push(this.open);
    // Doubles, so that a connection that sent a few bytes holds a few bytes.
    this.open = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES_MAX, Math.max(bytes, length)));
    this.openBytes = 0;
  }

  /** All bytes at the start of a new buffer; the blocks are free. */
  private together(size: number): Buffer {
    const whole = Buffer.allocUnsafeSlow(size);
    let at = 0;
    for (const block of this.blocks) at += block.copy(whole, at);
    this.open.copy(whole, at, 0, this.openBytes);
    this.free();
    return whole;
  }

  private free(): void {
    for (const { buffer } of [...this.blocks, this.open]) if (buffer.byteLength >= LARGE_BYTES) freeMemory(buffer);
  }

  private forget(): void {
    this.blocks = [];
    this.open = NONE;
    this.openBytes = 0;
    this.length = 0;
    this.expectedBytes = undefined;
  }
}
