// Bytes of a frame or line that is not whole yet, copied into blocks: the chunks that they came in are free at once.
//
// Guarantees: `take` gives the bytes in the order of `add`. Bounds: twice `length` of memory, and that once more while they
// are taken.

import { freeMemory, LARGE_BYTES } from './memory';

const BLOCK_BYTES_MAX = LARGE_BYTES;

/** Bytes as they came, of what is not whole yet. */
export interface HeldBytes {
  readonly length: number;
  add(chunk: Buffer): void;
  /** All of them in one buffer, which is the caller's; none are held then. */
  take(): Buffer;
  /** Gives the memory back at once. */
  drop(): void;
}

const NONE = Buffer.alloc(0);

export function createHeldBytes(): HeldBytes {
  /** Full ones. */
  let blocks: Buffer[] = [];
  let open: Buffer = NONE;
  let openBytes = 0;
  let length = 0;

  const forget = (): void => {
    blocks = [];
    open = NONE;
    openBytes = 0;
    length = 0;
  };

  const free = (): void => {
    for (const { buffer } of [...blocks, open]) if (buffer.byteLength >= LARGE_BYTES) freeMemory(buffer);
    forget();
  };

  return {
    get length() {
      return length;
    },
    add: (chunk) => {
      for (let at = 0; at < chunk.length; ) {
        if (openBytes === open.length) {
          if (openBytes > 0) blocks.push(open);
          // As much again as there is: a connection that has sent a few bytes holds a few bytes.
          open = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES_MAX, Math.max(chunk.length - at, length)));
          openBytes = 0;
        }
        const count = chunk.copy(open, openBytes, at);
        at += count;
        openBytes += count;
        length += count;
      }
    },
    drop: free,
    take: () => {
      if (blocks.length === 0) {
        const only = open.subarray(0, openBytes);
        forget();
        return only;
      }
      const whole = Buffer.allocUnsafeSlow(length);
      let at = 0;
      for (const block of blocks) at += block.copy(whole, at);
      open.copy(whole, at, 0, openBytes);
      free();
      return whole;
    },
  };
}
