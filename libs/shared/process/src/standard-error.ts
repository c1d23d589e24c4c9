// Standard error of this process, written without waiting for its reader.

import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { LineOutput, type WriteSome } from './line-output';

const STANDARD_ERROR = 2;
const RETRY_MS = 100;
const PAUSE_MS = 10;
/** Bytes that a stream of Node may hold for a slow reader. */
const STREAM_BYTES_MAX = 64 * 1024;

export function openStandardError(): LineOutput {
  // Without a handler, the end of a terminal would end the process.
  process.stderr.on('error', () => undefined);
  const moment = new Int32Array(new SharedArrayBuffer(4));
  const output = new LineOutput({
    writeSome: writerOfStandardError((bytes) => {
      output.countDropped(bytes);
    }),
    later: (callback) => {
      setTimeout(callback, RETRY_MS).unref();
    },
    pause: () => {
      Atomics.wait(moment, 0, 0, PAUSE_MS);
    },
  });
  return output;
}

/**
 * Opens standard error a second time: not to wait is a property of the opened file, which other processes share. A socket
 * can't be opened again, nor can a pipe of another user.
 * @param onLost called with bytes that were taken and could not be written
 */
function writerOfStandardError(onLost: (bytes: Uint8Array) => void): WriteSome {
  const kind = fstatSync(STANDARD_ERROR);
  // A file never makes its writer wait. Opened again, it would have a place of its own to write at.
  if (kind.isFile()) return (bytes) => writeSync(STANDARD_ERROR, bytes);
  const { O_WRONLY, O_APPEND, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    const file = openSync(`/proc/self/fd/${STANDARD_ERROR}`, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY);
    return (bytes) => writeSync(file, bytes);
  } catch {
    return kind.isFIFO() || kind.isSocket() ? streamWriter(onLost) : (bytes) => writeSync(STANDARD_ERROR, bytes);
  }
}

/** Writes to Node's stream over a pipe or socket, which queues what its reader does not take. */
function streamWriter(onLost: (bytes: Uint8Array) => void): WriteSome {
  const { stderr } = process;
  return (bytes) => {
    if (stderr.writableLength >= STREAM_BYTES_MAX) return 0;
    stderr.write(bytes, (error) => {
      if (error) onLost(bytes);
    });
    return bytes.byteLength;
  };
}
