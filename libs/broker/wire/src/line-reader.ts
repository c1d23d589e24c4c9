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
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let blockBeforeFailure: LineBlock | undefined;

  const hold = (rest: Uint8Array) => {
    held = rest.byteLength > 0 ? [rest] : [];
    heldBytes = rest.byteLength;
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
        held.push(chunk);
        heldBytes += chunk.byteLength;
        // One byte more may be the CR of a line end.
        if (heldBytes > MESSAGE_BYTES_MAX + 1) {
          hold(new Uint8Array(0));
          throw tooLong();
        }
        return undefined;
      }
      const whole = chunk.subarray(0, lastLineEnd + 1);
      const lines = held.length > 0 ? Buffer.concat([...held, whole], heldBytes + whole.byteLength) : whole;
      // A copy, so that a small rest does not keep a large chunk alive.
      hold(chunk.slice(lastLineEnd + 1));
      const { block, overlong } = messagesOf(lines);
      if (overlong || heldBytes > MESSAGE_BYTES_MAX + 1) {
        blockBeforeFailure = block;
        hold(new Uint8Array(0));
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
        if (output === lines) output = lines.slice();
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
