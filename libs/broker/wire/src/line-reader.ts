// The messages of a line-protocol sink, cut out of its byte stream.
//
// Guarantees: a message is what stands before a LF, without one CR before it; empty lines are none. Bounds: holds at
// most MESSAGE_BYTES_MAX + 1 bytes of an unfinished line.

import { PulsesError } from '@pulses/shared-errors';
import { MESSAGE_BYTES_MAX } from './limits';

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
   * Takes bytes of the stream; answers the messages that are now whole, if any.
   * @throws PulsesError MESSAGE_TOO_LARGE; `blockBeforeFailure` then holds the messages before, and the reader is done
   */
  push(chunk: Uint8Array): LineBlock | undefined;
  readonly blockBeforeFailure: LineBlock | undefined;
  /** Bytes held of an unfinished line. */
  readonly pendingBytes: number;
}

export function createLineReader(): LineReader {
  // A copy of what came, so that neither a small rest keeps a large chunk alive nor many small chunks cost an object each.
  let held: Buffer = Buffer.alloc(0);
  let heldBytes = 0;
  let blockBeforeFailure: LineBlock | undefined;

  const hold = (more: Uint8Array) => {
    if (heldBytes + more.byteLength > held.byteLength) {
      const grown = Buffer.allocUnsafeSlow(Math.max(held.byteLength * 2, heldBytes + more.byteLength));
      held.copy(grown, 0, 0, heldBytes);
      held = grown;
    }
    held.set(more, heldBytes);
    heldBytes += more.byteLength;
  };

  const letGo = () => {
    held = Buffer.alloc(0);
    heldBytes = 0;
  };

  return {
    get blockBeforeFailure() {
      return blockBeforeFailure;
    },
    get pendingBytes() {
      return heldBytes;
    },
    push(chunk) {
      const lastLineEnd = chunk.lastIndexOf(LINE_FEED);
      if (lastLineEnd < 0) {
        hold(chunk);
        // One byte more may be the CR of a line end.
        if (heldBytes > MESSAGE_BYTES_MAX + 1) {
          letGo();
          throw tooLong();
        }
        return undefined;
      }
      const whole = chunk.subarray(0, lastLineEnd + 1);
      const lines = heldBytes > 0 ? Buffer.concat([held.subarray(0, heldBytes), whole]) : whole;
      letGo();
      hold(chunk.subarray(lastLineEnd + 1));
      const { block, overlong } = messagesOf(lines);
      if (overlong || heldBytes > MESSAGE_BYTES_MAX + 1) {
        blockBeforeFailure = block;
        letGo();
        throw tooLong();
      }
      return block;
    },
  };
}

function tooLong(): PulsesError {
  return new PulsesError('MESSAGE_TOO_LARGE', `a line is longer than ${MESSAGE_BYTES_MAX} bytes`);
}

/** Copies nothing as long as no line needs a change; from the first CR or empty line on, lines are moved together. */
function messagesOf(lines: Uint8Array): { block: LineBlock | undefined; overlong: boolean } {
  const hasReturns = lines.indexOf(CARRIAGE_RETURN) >= 0;
  let output = lines;
  let length = 0;
  let recordCount = 0;
  let overlong = false;
  for (let start = 0; start < lines.byteLength; ) {
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
