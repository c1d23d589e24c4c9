// Writes pieces of many files in a thread of its own.
//
// Guarantees: the promise of a piece settles after the system took its bytes, or with the system's error and `code`.
// When the thread ends, every pending and later call fails. No symbolic link is followed in the last component.
// Bounds: two batches are in flight, in memory that is reused. Callers hold the bytes of all other pieces. Pieces longer
// than a batch are split.
//
// The thread runs a text of its own, not the program's entry file. Loading the broker's bundle a second time takes 22
// MB of memory and 200 ms of CPU, measured in November 2026.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { FileWriter } from '@pulses/shared-ports';
import { fileWriterThread, PATH_END, RESET, type Batch, type BatchDone, type ThreadData } from './file-writer-thread';

const BATCH_BYTES = 256 * 1024;
const BATCH_PIECES = 256;
const BATCHES_UNDER_WAY = 2;
const PROGRAM = `(${String(fileWriterThread)})()`;
/** The thread holds next to nothing on its heap. */
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 };

export interface NodeFileWriter extends FileWriter {
  /** Ends the thread. Pending calls fail; their bytes may or may not be written. */
  close(): Promise<void>;
}

interface Piece {
  readonly path: string;
  /** Position in the file, or RESET. */
  readonly position: number;
  readonly buffers: readonly Uint8Array[];
  readonly length: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Resolves once the thread runs, since later no descriptor may be left to start it. Keeps the process alive until `close`.
 * @throws the system's error when the thread can't start
 */
export async function startNodeFileWriter(program = PROGRAM): Promise<NodeFileWriter> {
  // Shared and reused: transferred memory would be new garbage each time.
  const memories = Array.from({ length: BATCHES_UNDER_WAY }, () => new SharedArrayBuffer(BATCH_BYTES));
  let nextMemory = 0;
  let waiting: Piece[] = [];
  /** In the order of their answers. */
  let underWay: Piece[][] = [];
  let isScheduled = false;
  let ended: Error | undefined;

  const workerData: ThreadData = { memories, pathEnd: PATH_END, reset: RESET };
  const thread = new Worker(program, { eval: true, execArgv: [], workerData, resourceLimits: THREAD_LIMITS });

  const onEnded = (reason: unknown): void => {
    ended ??= new Error(`the file writer's thread has ended: ${String(reason)}`);
    const failed = [...underWay.flat(), ...waiting];
    underWay = [];
    waiting = [];
    for (const { reject } of failed) reject(ended);
  };

  const onDone = (failures: BatchDone): void => {
    const pieces = underWay.shift() ?? []; // absent when an error came before the answer
    for (const { index, code, message } of failures) pieces[index]?.reject(Object.assign(new Error(message), { code }));
    for (const { resolve } of pieces) resolve(); // has no effect on the rejected ones
    schedule();
  };

  /** The oldest waiting pieces that fit into a batch, at least one. */
  const nextPieces = (): Piece[] => {
    let bytes = 0;
    const end = waiting.findIndex(({ length }, index) => {
      bytes += length;
      return bytes > BATCH_BYTES || index === BATCH_PIECES; // no piece is longer than a batch
    });
    return waiting.splice(0, end === -1 ? waiting.length : end);
  };

  const batchOf = (pieces: readonly Piece[]): Batch => {
    const memory = nextMemory;
    // A free memory exists: batches in flight never outnumber the memories, and answers come in order.
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

  /** Sends later in this turn, since callers that just got an answer add more pieces. */
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

/** Splits the buffers into parts of at most BATCH_BYTES, in order. The only part may be empty. */
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
