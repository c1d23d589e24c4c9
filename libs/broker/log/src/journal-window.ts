// Reads a file front to back in large pieces. Bytes given out stay valid: a piece is never overwritten, so messages
// of a recovered frame may keep pointing into it.

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

/** @param pieceBytes what is read at once, unless more is asked for */
export function createWindowReader(handle: FileHandle, fileLength: number, pieceBytes = PIECE_BYTES_DEFAULT): WindowReader {
  let bytes: Uint8Array = new Uint8Array(0);
  let start = 0;
  return {
    view: async (position, length) => {
      const end = Math.min(position + length, fileLength);
      if (position < start || end > start + bytes.length) {
        const pieceLength = Math.min(Math.max(pieceBytes, length), fileLength - position);
        const piece = Buffer.allocUnsafeSlow(Math.max(0, pieceLength));
        bytes = piece.subarray(0, await readUpTo(handle, piece, position));
        start = position;
      }
      return { bytes, at: position - start };
    },
  };
}
