// Pieces of many files, written by a thread that does nothing else.
//
// Guarantees: a piece's promise settles after its bytes were handed to the system, or with the system's error and its `code`;
// when the thread ends, everything under way fails. No symbolic link is followed in the last component.
// Bounds: two batches at a time are copied for the thread; what else waits, the callers hold. The thread starts with the
// first piece, and keeps no process alive that waits for nothing.

import { Worker } from 'node:worker_threads';
import type { FileWriter } from '@pulses/shared-ports';
import { fileWriterThread, PATH_END, RESET, type Batch, type BatchDone, type ThreadData } from './file-writer-thread';

const BATCH_BYTES = 256 * 1024;
const BATCH_PIECES = 256;
const BATCHES_UNDER_WAY = 2;
const PROGRAM = `(${String(fileWriterThread)})()`;
/** The thread keeps nothing. */
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 };

interface Piece {
  readonly path: string;
  /** Where it goes, or RESET. */
  readonly position: number;
  readonly buffers: readonly Uint8Array[];
  readonly length: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export function createNodeFileWriter(program = PROGRAM): FileWriter {
  let thread: Worker | undefined;
  let waiting: Piece[] = [];
  /** In the order in which they are answered. */
  let underWay: Piece[][] = [];
  let isScheduled = false;
  // Shared and used again: memory that changes hands counts as new each time, and is collected.
  const memories = Array.from({ length: BATCHES_UNDER_WAY }, () => new SharedArrayBuffer(BATCH_BYTES));
  let nextMemory = 0;

  const onDone = (failures: BatchDone): void => {
    const pieces = underWay.shift() ?? []; // each answer has its batch
    for (const { index, code, message } of failures) pieces[index]?.reject(Object.assign(new Error(message), { code }));
    for (const { resolve } of pieces) resolve(); // which the rejected ones do not hear
    schedule();
  };

  const onEnded = (reason: unknown): void => {
    thread = undefined;
    const failed = [...underWay.flat(), ...waiting];
    underWay = [];
    waiting = [];
    for (const { reject } of failed) reject(new Error(`the thread that writes files has ended: ${String(reason)}`));
  };

  const start = (): Worker => {
    const workerData: ThreadData = { memories, pathEnd: PATH_END, reset: RESET };
    const worker = new Worker(program, { eval: true, execArgv: [], workerData, resourceLimits: THREAD_LIMITS });
    worker.on('message', onDone);
    worker.on('error', (error) => {
      if (thread === worker) onEnded(error);
    });
    worker.on('exit', (code) => {
      if (thread === worker) onEnded(`exit code ${code}`);
    });
    return worker;
  };

  /** The first of those that wait, at least one. */
  const nextPieces = (): Piece[] => {
    let bytes = 0;
    const end = waiting.findIndex(({ length }, index) => {
      bytes += length;
      return index > 0 && (bytes > BATCH_BYTES || index === BATCH_PIECES);
    });
    return waiting.splice(0, end === -1 ? waiting.length : end);
  };

  const batchOf = (pieces: readonly Piece[]): Batch => {
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
    // Batches take turns with the memories, and no more are under way than there are.
    nextMemory = (nextMemory + 1) % memories.length;
    const memory = bytes <= BATCH_BYTES ? nextMemory : new SharedArrayBuffer(bytes);
    const into = new Uint8Array(typeof memory === 'number' ? (memories[memory] as SharedArrayBuffer) : memory);
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
      thread ??= start();
      thread.postMessage(batchOf(pieces));
    }
    if (underWay.length === 0) thread?.unref();
    else thread?.ref();
  };

  /** Later in the turn: those who have just had their answers come with more. */
  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(send);
  };

  const put = (path: string, buffers: readonly Uint8Array[], position: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
      waiting.push({ path, position, buffers, length, resolve, reject });
      schedule();
    });

  return {
    write: put,
    reset: (path, buffers) => put(path, buffers, RESET),
  };
}

export const nodeFileWriter: FileWriter = createNodeFileWriter();
