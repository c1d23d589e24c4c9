// Structured logs on standard error, so that standard output belongs to results: one JSON object a line, or readable text
// on a terminal.
//
// Written synchronously: events are few (none for each pulse), and the last line before a crash is the one that matters.

import { destination, pino, stdTimeFunctions, type DestinationStream } from 'pino';
import type { ErrorTerminal } from '@pulses/shared-process';
import type { Logger } from '@pulses/shared-ports';
import { createPrettyLines } from './pretty-lines';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** `auto` is `pretty` on a terminal and `json` elsewhere. */
export const LOG_FORMATS = ['auto', 'json', 'pretty'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Field names whose values never reach a log. */
const SECRET_FIELDS = ['token', 'authToken', 'password', '*.token', '*.authToken', '*.password'];

export interface LoggerOptions {
  readonly service: string;
  readonly version: string;
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** What standard error is. */
  readonly terminal: ErrorTerminal;
}

export function createLogger({ service, version, level, format, terminal }: LoggerOptions): Logger {
  const isPretty = format === 'pretty' || (format === 'auto' && terminal !== 'none');
  return pino(
    {
      level,
      base: { service, version, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: SECRET_FIELDS,
    },
    isPretty ? prettyStream({ isColoured: terminal === 'coloured' }) : standardError(),
  );
}

/** Where every log line goes, whatever its format. */
function standardError() {
  return destination({ fd: 2, sync: true });
}

/** In this process: a transport of pino is a thread that loads a file, which a bundle does not have. */
function prettyStream(options: { isColoured: boolean }): DestinationStream & { flushSync(): void } {
  const stream = standardError();
  const pretty = createPrettyLines(options);
  return {
    write: (line) => {
      stream.write(pretty(line));
    },
    // Called by pino after a fatal line.
    flushSync: () => {
      stream.flushSync();
    },
  };
}
