// The messages of a line-protocol sink, cut out of its byte stream.
//
// Guarantees: a message is what stands before a LF, without one CR before it; empty lines are none. Bounds: holds at
// most MESSAGE_BYTES_MAX + 1 bytes of an unfinished line, in twice the memory at most (partial-frame-buffer.ts).

import { PulsesError } from '@pulses/shared-errors';
import { createPartialFrameBuffer } from './partial-frame-buffer';
import { MESSAGE_BYTES_MAX } from './limits';
import { freeChunk, type ChunkOwnership } from './memory';

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Messages as a payload of the log: each followed by one LF. */
export interface LineBlock {
  readonly payload: Uint8Array;
  readonly recordCount: number;
}

/** @see createLineReader */
export interface LineReader {
  /**
   * Takes bytes of the stream and returns the messages that are now complete, if any.
   * @throws PulsesError MESSAGE_TOO_LARGE; `blockBeforeFailure` then holds the messages before, and the reader is done
   */
  push(chunk: Uint8Array): LineBlock | undefined;
  readonly blockBeforeFailure: LineBlock | undefined;
  /** Bytes held of an unfinished line. */
  readonly pendingBytes: number;
  /** Drops the unfinished line: nothing more is pushed. */
  drop(): void;
}

/**
 * @param ownership `ownsChunks`: a pushed chunk belongs to the reader, which frees large ones at once when no message
 *   lies in them
 */
export function createLineReader({ ownsChunks = false }: ChunkOwnership = {}): LineReader {
  return new BlockReader(ownsChunks);
}

class BlockReader implements LineReader {
  blockBeforeFailure: LineBlock | undefined;
  /** The start of a line whose end has not come. */
  private readonly held = createPartialFrameBuffer();

  constructor(private readonly ownsChunks: boolean) {}

  get pendingBytes(): number {
    return this.held.length;
  }

  push(bytes: Uint8Array): LineBlock | undefined {
    const { held } = this;
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const lastLineEnd = chunk.lastIndexOf(LINE_FEED);
    if (lastLineEnd < 0) {
      held.add(chunk);
      if (this.ownsChunks) freeChunk(chunk);
      if (this.isTooLong()) {
        held.drop();
        throw tooLong();
      }
      return undefined;
    }
    let lines = chunk.subarray(0, lastLineEnd + 1);
    const isCopied = held.length > 0;
    if (isCopied) {
      held.add(lines);
      lines = held.take();
    }
    held.add(chunk.subarray(lastLineEnd + 1));
    if (this.ownsChunks && isCopied) freeChunk(chunk);
    const { block, overlong } = messagesOf(lines);
    if (overlong || this.isTooLong()) {
      this.blockBeforeFailure = block;
      held.drop();
      throw tooLong();
    }
    return block;
  }

  drop(): void {
    this.held.drop();
  }

  /** One byte more may be the CR of a line end. */
  private isTooLong(): boolean {
    return this.held.length > MESSAGE_BYTES_MAX + 1;
  }
}

function tooLong(): PulsesError {
  return new PulsesError('MESSAGE_TOO_LARGE', `a line is longer than ${MESSAGE_BYTES_MAX} bytes`);
}

/** Copies nothing while no line needs a change. From the first CR or empty line on, lines are moved together. */
function messagesOf(lines: Uint8Array): { block: LineBlock | undefined; overlong: boolean } {
  const hasReturns = lines.indexOf(CARRIAGE_RETURN) >= 0;
  let output = lines;
  let length = 0;
  let recordCount = 0;
  let overlong = false;
  for (let start = 0; start < lines.byteLength;) {
    const lineEnd = lines.indexOf(LINE_FEED, start);
    const end = hasReturns && lineEnd > start && lines[lineEnd - 1] === CARRIAGE_RETURN ? lineEnd - 1 : lineEnd;
    if (end - start > MESSAGE_BYTES_MAX) {
      overlong = true;
      break;
    }
    if (end > start) {
      if (length !== start || end !== lineEnd) {
        if (output === lines) output = new Uint8Array(lines);
        output.copyWithin(length, start, end);
        output[length + (end - start)] = LINE_FEED;
      }
      length += end - start + 1;
      recordCount += 1;
    }
    start = lineEnd + 1;
  }
  return { block: recordCount > 0 ? { payload: output.subarray(0, length), recordCount } : undefined, overlong };
}
