// Pieces of many files, written by a thread that does nothing else.
//
// Guarantees: a piece's promise settles after its bytes were handed to the system, or with the system's error and its `code`;
// when the thread ends, everything under way fails, and all that comes later. No symbolic link is followed in the last component.
// Bounds: two batches at a time are copied for the thread, into memory that is used again and again; what else waits, the
// callers hold. Longer pieces go in parts.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { FileWriter } from '@pulses/shared-ports';
import { fileWriterThread, PATH_END, RESET, type Batch, type BatchDone, type ThreadData } from './file-writer-thread';

const BATCH_BYTES = 256 * 1024;
const BATCH_PIECES = 256;
const BATCHES_UNDER_WAY = 2;
const PROGRAM = `(${String(fileWriterThread)})()`;
/** The thread keeps nothing. */
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 };

export interface NodeFileWriter extends FileWriter {
  /** Ends the thread. What is under way then fails, and is written or not. */
  close(): Promise<void>;
}

interface Piece {
  readonly path: string;
  /** Where it goes, or RESET. */
  readonly position: number;
  readonly buffers: readonly Uint8Array[];
  readonly length: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Resolves once the thread runs: later there may be no descriptor left to start it. It keeps the process alive until `close`.
 * @throws the system's error when it can't be started
 */
export async function startNodeFileWriter(program = PROGRAM): Promise<NodeFileWriter> {
  // Shared and used again: memory that changes hands counts as new each time, and is collected.
  const memories = Array.from({ length: BATCHES_UNDER_WAY }, () => new SharedArrayBuffer(BATCH_BYTES));
  let nextMemory = 0;
  let waiting: Piece[] = [];
  /** In the order in which they are answered. */
  let underWay: Piece[][] = [];
  let isScheduled = false;
  let ended: Error | undefined;

  const workerData: ThreadData = { memories, pathEnd: PATH_END, reset: RESET };
  const thread = new Worker(program, { eval: true, execArgv: [], workerData, resourceLimits: THREAD_LIMITS });

  const onEnded = (reason: unknown): void => {
    ended ??= new Error(`the thread that writes files has ended: ${String(reason)}`);
    const failed = [...underWay.flat(), ...waiting];
    underWay = [];
    waiting = [];
    for (const { reject } of failed) reject(ended);
  };

  const onDone = (failures: BatchDone): void => {
    const pieces = underWay.shift() ?? []; // none when an error has overtaken the answer
    for (const { index, code, message } of failures) pieces[index]?.reject(Object.assign(new Error(message), { code }));
    for (const { resolve } of pieces) resolve(); // which the rejected ones do not hear
    schedule();
  };

  /** The first of those that wait, at least one. */
  const nextPieces = (): Piece[] => {
    let bytes = 0;
    const end = waiting.findIndex(({ length }, index) => {
      bytes += length;
      return bytes > BATCH_BYTES || index === BATCH_PIECES; // none is longer than a batch
    });
    return waiting.splice(0, end === -1 ? waiting.length : end);
  };

  const batchOf = (pieces: readonly Piece[]): Batch => {
    const memory = nextMemory;
    // No more are under way than there are memories, and they are answered in order.
    nextMemory = (nextMemory + 1) % BATCHES_UNDER_WAY;
    const into = new Uint8Array(memories[memory] as SharedArrayBuffer);
    const places = new Float64Array(2 * pieces.length);
    let at = 0;
    for (const [index, { buffers, length, position }] of pieces.entries()) {
      places[2 * index] = length;
      places[2 * index + 1] = position;
      for (const buffer of buffers) {
        into.set(buffer, at);
        at += buffer.length;
      }
    }
    return { memory, paths: pieces.map(({ path }) => path).join(PATH_END), places };
  };

  const send = (): void => {
    isScheduled = false;
    while (waiting.length > 0 && underWay.length < BATCHES_UNDER_WAY) {
      const pieces = nextPieces();
      underWay.push(pieces);
      thread.postMessage(batchOf(pieces));
    }
  };

  /** Later in the turn: those who have just had their answers come with more. */
  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(send);
  };

  const put = (path: string, buffers: readonly Uint8Array[], length: number, position: number): Promise<void> =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) {
        reject(ended);
        return;
      }
      waiting.push({ path, position, buffers, length, resolve, reject });
      schedule();
    });

  const putAll = async (path: string, buffers: readonly Uint8Array[], position: number): Promise<void> => {
    let at = position;
    for (const part of partsOf(buffers)) {
      const length = part.reduce((sum, buffer) => sum + buffer.length, 0);
      await put(path, part, length, at);
      at = Math.max(at, 0) + length;
    }
  };

  thread.on('message', onDone);
  thread.on('error', onEnded);
  thread.on('exit', (code) => {
    onEnded(`exit code ${code}`);
  });
  await once(thread, 'online');
  return {
    write: putAll,
    reset: (path, buffers) => putAll(path, buffers, RESET),
    close: async () => {
      await thread.terminate();
    },
  };
}

/** The buffers in parts of at most BATCH_BYTES, in order; at least one, which may be empty. */
function* partsOf(buffers: readonly Uint8Array[]): Generator<Uint8Array[]> {
  let part: Uint8Array[] = [];
  let room = BATCH_BYTES;
  for (const buffer of buffers) {
    let rest = buffer;
    while (rest.length > room) {
      part.push(rest.subarray(0, room));
      rest = rest.subarray(room);
      yield part;
      part = [];
      room = BATCH_BYTES;
    }
    part.push(rest);
    room -= rest.length;
  }
  yield part;
}
