// What the thread of the file writer runs: batches of pieces, each file opened, written and closed by plain calls.
//
// A call that waits costs a few microseconds; one by way of the thread pool, and back into the event loop, some thirty.

import type { MessagePort } from 'node:worker_threads';

/** Pieces of files. It is made of few objects, since each of them is copied between the threads. */
export interface Batch {
  /** Number of the memory that the pieces lie in, back to back. It is the thread's until it has answered. */
  readonly memory: number;
  /** One for each piece, with PATH_END between them. */
  readonly paths: string;
  /** Two for each piece: its length, and where it goes; RESET for the start of a file that is made, or emptied. */
  readonly places: Float64Array;
}

export const PATH_END = '\0';
export const RESET = -1;

/** What the thread starts with. */
export interface ThreadData {
  /** Memory that batches are put into, by number. */
  readonly memories: readonly SharedArrayBuffer[];
  readonly pathEnd: string;
  readonly reset: number;
}

/** One for each piece that failed. */
export type BatchDone = readonly {
  readonly index: number;
  readonly code: string | undefined;
  readonly message: string;
}[];

/** Its text is the program of the thread, so it uses nothing from outside of itself but types. */
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
    const bytes = memories[memory] as SharedArrayBuffer; // as many as numbers
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
