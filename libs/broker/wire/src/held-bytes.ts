// Bytes of a frame or line that is not whole yet: large chunks as they came, small ones copied together.
//
// Guarantees: `take` gives the bytes in the order of `add`. Bounds: about twice `length` of memory, since a chunk is kept as
// it came when it is at least half of its buffer.

/** Smaller chunks are copied together, as is what is left of a larger one: else they would keep more memory than their bytes. */
const CHUNK_KEPT_BYTES_MIN = 4 * 1024;
const SMALL_CHUNKS_BYTES = 16 * 1024;

/** Bytes as they came, of what is not whole yet. */
export interface HeldBytes {
  readonly length: number;
  add(chunk: Buffer): void;
  /** All of them in one buffer, which is the caller's; none are held then. */
  take(): Buffer;
  drop(): void;
}

export function createHeldBytes(): HeldBytes {
  let parts: Buffer[] = [];
  /** Copied chunks, together. */
  let small: Buffer = Buffer.alloc(0);
  let smallBytes = 0;
  let length = 0;

  const closeSmall = (): void => {
    if (smallBytes > 0) parts.push(small.subarray(0, smallBytes));
    small = Buffer.alloc(0);
    smallBytes = 0;
  };

  return {
    get length() {
      return length;
    },
    add: (chunk) => {
      length += chunk.byteLength;
      if (chunk.byteLength >= CHUNK_KEPT_BYTES_MIN && 2 * chunk.byteLength >= chunk.buffer.byteLength) {
        closeSmall();
        parts.push(chunk);
        return;
      }
      if (smallBytes + chunk.byteLength > small.byteLength) {
        // Twice what there is: a connection that has sent a few bytes holds a few bytes.
        const grown = Buffer.allocUnsafeSlow(Math.max(chunk.byteLength, Math.min(2 * smallBytes, SMALL_CHUNKS_BYTES)));
        if (smallBytes + chunk.byteLength > grown.byteLength) closeSmall();
        else small.copy(grown, 0, 0, smallBytes);
        small = grown;
      }
      chunk.copy(small, smallBytes);
      smallBytes += chunk.byteLength;
    },
    drop: () => {
      parts = [];
      small = Buffer.alloc(0);
      smallBytes = 0;
      length = 0;
    },
    take: () => {
      closeSmall();
      const [first] = parts;
      const whole = parts.length === 1 && first !== undefined ? first : Buffer.concat(parts, length);
      parts = [];
      length = 0;
      return whole;
    },
  };
}
