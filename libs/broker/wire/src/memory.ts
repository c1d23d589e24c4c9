// Frees large buffers explicitly.
//
// The collector lets hundreds of megabytes of old large buffers pile up before it runs. Code that knows a buffer is dead
// frees it.

/** From this size on a call is worth it; smaller buffers are left to the collector. */
export const LARGE_BYTES = 64 * 1024;
/** Chunks come more often than other large buffers, so smaller ones are worth it too. */
const CHUNK_BYTES_MIN = 16 * 1024;

/** Frees the memory now, if any. Views of it are empty afterwards and must not be used. */
export function freeMemory(memory: ArrayBufferLike | undefined): void {
  if (memory instanceof ArrayBuffer) memory.transfer(0);
}

/** Ownership of the chunks pushed into a reader. */
export interface ChunkOwnership {
  /** The reader owns them and may free their memory, which leaves them empty. Else they stay unchanged. */
  readonly ownsChunks?: boolean;
}

/** Frees a copied chunk of a stream when it is large and is the only view of its memory. */
export function freeChunk({ buffer, byteLength }: Uint8Array): void {
  if (byteLength >= CHUNK_BYTES_MIN && byteLength === buffer.byteLength) freeMemory(buffer);
}
