// The program of the file writer's thread. It opens, writes and closes the file of each piece by synchronous calls.
//
// A synchronous call costs a few microseconds. One through the thread pool and back into the event loop costs about thirty.

import type { MessagePort } from 'node:worker_threads';

/** Pieces of files, as few objects as possible, since each one is copied between the threads. */
export interface Batch {
  /** Number of the memory that holds the pieces back to back. It belongs to the thread until the thread answers. */
  readonly memory: number;
  /** The path of each piece, separated by PATH_END. */
  readonly paths: string;
  /** For each piece its length and its position. RESET creates or empties the file and writes at its start. */
  readonly places: Float64Array;
}

export const PATH_END = '\0';
export const RESET = -1;

/** The `workerData` of the thread. */
export interface ThreadData {
  /** Memories of batches, by number. */
  readonly memories: readonly SharedArrayBuffer[];
  readonly pathEnd: string;
  readonly reset: number;
}

/** The pieces that failed. */
export type BatchDone = readonly {
  readonly index: number;
  readonly code: string | undefined;
  readonly message: string;
}[];

/** The source text of this function is the thread's program, so its body refers to nothing outside but types. */
export function fileWriterThread(): void {
  const { closeSync, constants, mkdirSync, openSync, writeSync } = process.getBuiltinModule('node:fs');
  const { dirname } = process.getBuiltinModule('node:path');
  const thread = process.getBuiltinModule('node:worker_threads');
  const port = thread.parentPort as MessagePort;
  const { memories, pathEnd, reset } = thread.workerData as ThreadData;

  const make = (path: string): number =>
    openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_CREAT | constants.O_TRUNC, 0o600);

  const makeWithDirectory = (path: string): number => {
    try {
      return make(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      return make(path);
    }
  };

  const write = (path: string, position: number, bytes: Uint8Array): void => {
    const descriptor =
      position === reset ? makeWithDirectory(path) : openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW);
    try {
      for (let done = 0; done < bytes.length;) {
        const count = writeSync(descriptor, bytes, done, bytes.length - done, Math.max(position, 0) + done);
        if (count === 0) throw new Error('a write took no bytes');
        done += count;
      }
    } finally {
      closeSync(descriptor);
    }
  };

  port.on('message', ({ memory, paths, places }: Batch) => {
    const bytes = memories[memory] as SharedArrayBuffer; // numbers come from the writer
    const failures: BatchDone[number][] = [];
    let start = 0;
    for (const [index, path] of paths.split(pathEnd).entries()) {
      const length = places[2 * index] ?? 0; // two for each path
      const position = places[2 * index + 1] ?? 0;
      try {
        write(path, position, new Uint8Array(bytes, start, length));
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        failures.push({ index, code, message });
      }
      start += length;
    }
    port.postMessage(failures);
  });
}
