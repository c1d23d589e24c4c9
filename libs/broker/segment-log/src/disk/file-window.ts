// Reads a file front to back in large pieces. Bytes given out stay valid, unless the caller says that it needs them only
// until the next call: a piece is then overwritten.

import type { FileHandle } from '@pulses/shared-ports';
import { readUpTo } from './full-io';

const PIECE_BYTES_DEFAULT = 4 * 1024 * 1024;

export interface Window {
  readonly bytes: Uint8Array;
  /** Where `position` of the call lies in `bytes`. */
  readonly at: number;
}

export interface WindowReader {
  /** At least `length` bytes from `position`, or up to the end of the file. */
  view(position: number, length: number): Promise<Window>;
}

/**
 * @param pieceBytes what is read at once, unless more is asked for
 * @param isReused true when bytes that were given out are not needed after the next call
 */
export function createWindowReader(
  handle: FileHandle,
  fileLength: number,
  {
    pieceBytes = PIECE_BYTES_DEFAULT,
    isReused = false,
  }: { readonly pieceBytes?: number | undefined; readonly isReused?: boolean } = {},
): WindowReader {
  let buffer = Buffer.alloc(0);
  let bytes: Uint8Array = new Uint8Array(0);
  let start = 0;
  return {
    view: async (position, length) => {
      const end = Math.min(position + length, fileLength);
      if (position < start || end > start + bytes.length) {
        const pieceLength = Math.min(Math.max(pieceBytes, length), fileLength - position);
        if (!isReused || buffer.length < pieceLength) buffer = Buffer.allocUnsafeSlow(Math.max(0, pieceLength));
        const piece = buffer.subarray(0, Math.max(0, pieceLength));
        bytes = piece.subarray(0, await readUpTo(handle, piece, position));
        start = position;
      }
      return { bytes, at: position - start };
    },
  };
}
