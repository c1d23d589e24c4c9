// Standard input, output and error, for commands that move more than a few lines.
//
// Guarantees: `write` waits while the reader of a full pipe does not read, so nothing piles up here. A reader that has
// gone (`| head`) is `OutputClosed`, which ends a command quietly.

export interface Terminal {
  /** A person looks at standard output: tables, not NDJSON. */
  readonly isInteractive: boolean;
  /** A person looks at standard error: progress can be shown. */
  readonly showsProgress: boolean;
  /** Resolves when more may be written. @throws OutputClosed, and the error of a write that failed otherwise */
  write(data: string | Uint8Array): Promise<void>;
  /** Resolves when everything written has left the process. @throws as `write` */
  flush(): Promise<void>;
  /** A line on standard error. */
  note(text: string): void;
  /** Standard input. @throws the signal's reason when it aborts */
  input(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** Nobody reads standard output any more. */
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
  // Nothing can be said about a standard error that is gone.
  stderr.on('error', () => undefined);

  return {
    isInteractive: stdout.isTTY,
    // A terminal that does not tell its width has 0 columns, and no place to redraw a line in.
    showsProgress: stderr.isTTY && stderr.columns > 0,
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
      const stop = () => {
        stdin.destroy();
      };
      signal.addEventListener('abort', stop, { once: true });
      try {
        if (!signal.aborted) yield* stdin as AsyncIterable<Buffer>;
        // What was read last may be a piece of a line: that is no end of the input.
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
