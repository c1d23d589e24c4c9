// Frees large buffers explicitly.
//
// The collector lets hundreds of megabytes of old large buffers pile up before it runs. Code that knows that a buffer
// is dead frees it.

/** Smaller buffers are left to the collector. */
export const LARGE_BYTES = 64 * 1024;
/** Chunks arrive far more often than other large buffers, so freeing smaller ones pays. */
const CHUNK_BYTES_MIN = 16 * 1024;

/** Frees the memory now, if there is any. Views of it are empty afterwards and must not be used. */
export function freeMemory(memory: ArrayBufferLike | undefined): void {
  if (memory instanceof ArrayBuffer) memory.transfer(0);
}

/** The owner of the chunks that a reader is given. */
export interface ChunkOwnership {
  /** True: the reader owns them and may free their memory, which empties them. Else it leaves them alone. */
  readonly ownsChunks?: boolean;
}

/** Frees a copied chunk of a stream, when it is large and owns its memory alone. */
export function freeChunk({ buffer, byteLength }: Uint8Array): void {
  if (byteLength >= CHUNK_BYTES_MIN && byteLength === buffer.byteLength) freeMemory(buffer);
}
