// Structured logs on standard error, so that standard output belongs to results: one JSON object a line, or readable text
// on a terminal.
//
// Written synchronously: events are few (none for each pulse), and the last line before a crash is the one that matters.
// Logging never ends or blocks the service: a line that can't be written is dropped. The next one that can be is followed
// by the number of lines dropped.

import { pino, stdTimeFunctions } from 'pino';
import type { ErrorTerminal, ProcessPort } from '@pulses/shared-process';
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
  readonly output: Pick<ProcessPort, 'writeError' | 'errorLinesDropped'>;
}

export function createLogger({ service, version, level, format, terminal, output }: LoggerOptions): Logger {
  const isPretty = format === 'pretty' || (format === 'auto' && terminal !== 'none');
  // In this process: a transport of pino is a thread that loads a file, which a bundle does not have.
  const formatted = isPretty ? createPrettyLines({ isColoured: terminal === 'coloured' }) : (line: string) => line;
  let reported = 0;
  const write = (line: string) => {
    const isTaken = output.writeError(formatted(line));
    const lines = output.errorLinesDropped() - reported;
    if (!isTaken || lines === 0) return;
    reported += lines;
    logger.warn({ lines }, 'log lines dropped: standard error was full or failing');
  };
  const logger = pino(
    {
      level,
      base: { service, version, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: SECRET_FIELDS,
    },
    { write },
  );
  return logger;
}
