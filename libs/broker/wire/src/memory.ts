// Memory that is given back at once.
//
// The collector frees a buffer when it finds that nothing uses it: of large ones that have lived for a while, hundreds of
// megabytes come together before it looks. Who knows that a large buffer is done with says so.

/** Worth the call: what is smaller is left to the collector. */
export const LARGE_BYTES = 64 * 1024;
/** Chunks come much more often than what else is large, so that smaller ones are worth the call. */
const CHUNK_BYTES_MIN = 16 * 1024;

/** Gives the memory back now, if there is any. Views of it are empty afterwards: nobody may use them any more. */
export function freeMemory(memory: ArrayBufferLike | undefined): void {
  if (memory instanceof ArrayBuffer) memory.transfer(0);
}

/** Whose the chunks of a stream are that a reader is given. */
export interface ChunkOwnership {
  /** They are the reader's, which may give their memory back: they are empty then. Else they stay as they are. */
  readonly ownsChunks?: boolean;
}

/** Gives back a chunk of a stream that was copied, when it is large and its memory is nobody else's. */
export function freeChunk({ buffer, byteLength }: Uint8Array): void {
  if (byteLength >= CHUNK_BYTES_MIN && byteLength === buffer.byteLength) freeMemory(buffer);
}
