// Messages from a stream of lines, block by block, under the rules of the line protocol. One CR before a LF is not part
// of the message, and an empty line is no message. Unlike there, an unterminated last line counts: the end of a file is
// not a broken connection.
//
// Bounds: holds one block, which is a chunk of the input and at most one unfinished line.

import { createLineReader, MESSAGE_BYTES_MAX, type LineBlock } from '@pulses/broker-wire';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** @throws PulsesError MESSAGE_TOO_LARGE that names the line, after the messages before it */
export async function* readLineBlocks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<LineBlock, void, undefined> {
  const reader = createLineReader();
  /** Line ends so far. */
  let linesBefore = 0;
  let lastByte = 0;
  for await (const chunk of withLastLineEnd(chunks)) {
    const pending = { bytes: reader.pendingBytes, lastByte };
    let block: LineBlock | undefined;
    try {
      block = reader.push(chunk);
    } catch (error) {
      if (!isPulsesError(error, 'MESSAGE_TOO_LARGE')) throw error;
      if (reader.blockBeforeFailure !== undefined) yield reader.blockBeforeFailure;
      const line = linesBefore + overlongLine(chunk, pending);
      throw new PulsesError(error.code, `line ${line} is longer than ${MESSAGE_BYTES_MAX} bytes`, { cause: error });
    }
    linesBefore += lineEndsIn(chunk);
    lastByte = chunk.at(-1) ?? lastByte;
    if (block !== undefined) yield block;
  }
}

/** The chunks and one more line end, which ends an unterminated last line, or adds an empty one. */
async function* withLastLineEnd(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks;
  yield Uint8Array.of(LINE_FEED);
}

/** Number of the first line of a chunk that is too long, from 1. `pending` bytes of its first line came before. */
function overlongLine(chunk: Uint8Array, pending: { bytes: number; lastByte: number }): number {
  let heldBytes = pending.bytes;
  let start = 0;
  for (let line = 1; ; line += 1) {
    const lineEnd = chunk.indexOf(LINE_FEED, start);
    if (lineEnd < 0) return line;
    const before = lineEnd > start ? chunk[lineEnd - 1] : pending.lastByte;
    const bytes = heldBytes + lineEnd - start;
    if ((before === CARRIAGE_RETURN ? bytes - 1 : bytes) > MESSAGE_BYTES_MAX) return line;
    heldBytes = 0;
    start = lineEnd + 1;
  }
}

function lineEndsIn(chunk: Uint8Array): number {
  let count = 0;
  for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, at + 1)) count += 1;
  return count;
}
