// Memory that is given back at once.
//
// The collector frees a buffer when it finds that nothing uses it: of large ones that have lived for a while, hundreds of
// megabytes come together before it looks. Who knows that a large buffer is done with says so.

/** Worth the call: what is smaller is left to the collector. */
export const LARGE_BYTES = 64 * 1024;

/** Gives the memory back now. Views of it are empty afterwards: nobody may use them any more. */
export function freeMemory(memory: ArrayBufferLike): void {
  if (memory instanceof ArrayBuffer) memory.transfer(0);
}
