// The parts of the process that the life cycle uses, injected for tests.

import { readFileSync } from 'node:fs';
import { listenForSignals, type SignalHandler } from './early-signals';
import { openStandardError } from './standard-error';

/** What standard error is: no terminal, one without colours (also by NO_COLOR), or one with them. */
export type ErrorTerminal = 'none' | 'plain' | 'coloured';

export interface ProcessPort {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Columns of standard output, or 80 when it is no terminal. */
  readonly columns: number;
  readonly errorTerminal: ErrorTerminal;
  writeOut(text: string): void;
  /** Writes whole lines without waiting for a reader; false when they are dropped. */
  writeError(text: string): boolean;
  /** Lines that `writeError` has dropped. */
  errorLinesDropped(): number;
  readFile(path: string): string;
  /** Also told of a signal that came before, see early-signals.ts. */
  onSignal(handler: SignalHandler): void;
  /** SIGHUP: read files again. Without a handler it ends the process. */
  onReload(handler: () => void): void;
  /** The parent that opened an IPC channel has gone. */
  onParentGone(handler: () => void): void;
  onCrash(handler: (error: unknown) => void): void;
  exit(code: number): void;
}

export function nodeProcess(): ProcessPort {
  const standardError = openStandardError();
  // Without a handler of its own, Node opens a debugger port.
  process.on('SIGUSR1', () => undefined);
  return {
    argv: process.argv.slice(2),
    env: process.env,
    columns: process.stdout.columns ?? 80,
    errorTerminal: !process.stderr.isTTY ? 'none' : process.stderr.hasColors() ? 'coloured' : 'plain',
    writeOut: (text) => {
      process.stdout.write(text);
    },
    writeError: (text) => standardError.write(text),
    errorLinesDropped: () => standardError.linesDropped,
    readFile: (path) => readFileSync(path, 'utf8'),
    onSignal: (handler) => {
      listenForSignals(handler);
    },
    onReload: (handler) => {
      process.on('SIGHUP', handler);
    },
    onParentGone: (handler) => {
      if (process.channel) process.once('disconnect', handler);
    },
    onCrash: (handler) => {
      process.once('uncaughtException', handler);
      process.once('unhandledRejection', handler);
    },
    exit: (code) => {
      standardError.flush();
      process.exit(code);
    },
  };
}
