// Standard input, output and error, for commands that move more than a few lines.
//
// Guarantees: `write` waits while a pipe is full, so nothing piles up here. When the reader has gone (`| head`), it throws
// `OutputClosed`, which ends a command quietly.

import { fstatSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';

export interface Terminal {
  /** Standard output is a terminal: tables, not NDJSON. */
  readonly isInteractive: boolean;
  /** Standard error is a terminal that can show progress. */
  readonly showsProgress: boolean;
  /** Standard input and standard error are terminals: a person can be asked. */
  readonly canAsk: boolean;
  /** Writes the question to standard error; resolves to the line typed, '' at the end of the input. */
  ask(question: string): Promise<string>;
  /** Resolves when more may be written. @throws OutputClosed, and the error of a write that failed otherwise */
  write(data: string | Uint8Array): Promise<void>;
  /** Resolves when everything written has left the process. @throws as `write` */
  flush(): Promise<void>;
  /** A line on standard error. */
  note(text: string): void;
  /** Standard input. @throws the signal's reason when it aborts */
  input(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** The reader of standard output has gone. */
export class OutputClosed extends Error {
  constructor() {
    super('standard output was closed');
    this.name = 'OutputClosed';
  }
}

export function nodeTerminal(): Terminal {
  const { stdin, stdout, stderr } = process;
  let failure: Error | undefined;
  let wake: () => void = () => undefined;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    failure ??= error.code === 'EPIPE' ? new OutputClosed() : error;
    wake();
  });
  stdout.on('drain', () => {
    wake();
  });
  // A closed standard error leaves no place to report it.
  stderr.on('error', () => undefined);

  return {
    isInteractive: stdout.isTTY,
    // A terminal of unknown width has 0 columns; a line can't be redrawn there.
    showsProgress: stderr.isTTY && stderr.columns > 0,
    canAsk: stdin.isTTY && stderr.isTTY,
    async ask(question) {
      const reader = createInterface({ input: stdin, output: stderr });
      const closed = new Promise<string>((resolve) => {
        reader.once('close', () => {
          resolve('');
        });
      });
      const answer = await Promise.race([reader.question(question), closed]);
      reader.close();
      return answer;
    },
    async write(data) {
      if (failure === undefined && !stdout.write(data))
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      if (failure !== undefined) throw failure;
    },
    async flush() {
      if (failure === undefined)
        await new Promise<void>((resolve) => {
          stdout.write('', () => {
            resolve();
          });
        });
      if (failure !== undefined) throw failure;
    },
    note(text) {
      stderr.write(`${text}\n`);
    },
    async *input(signal) {
      // Node reads a directory as an empty input.
      if (fstatSync(0).isDirectory()) throw new Error('standard input is a directory, not lines');
      const stop = () => {
        stdin.destroy();
      };
      signal.addEventListener('abort', stop, { once: true });
      try {
        if (!signal.aborted) yield* stdin as AsyncIterable<Buffer>;
        // An aborted input may end within a line, so it must not look like the end of the input.
        signal.throwIfAborted();
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      } finally {
        signal.removeEventListener('abort', stop);
      }
    },
  };
}
