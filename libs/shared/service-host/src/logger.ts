// Structured logs: one JSON object a line, on standard error, so that standard output belongs to results.
//
// Written synchronously: events are few (none for each pulse), and the last line before a crash is the one that matters.

import { destination, pino, stdTimeFunctions } from 'pino';

/** What libraries need of a logger. Fields first, then the event in words. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  fatal(fields: object, message: string): void;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Field names whose values never reach a log. */
const SECRET_FIELDS = ['token', 'authToken', 'password', '*.token', '*.authToken', '*.password'];

export function createLogger(options: { service: string; version: string; level: LogLevel }): Logger {
  return pino(
    {
      level: options.level,
      base: { service: options.service, version: options.version, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: SECRET_FIELDS,
    },
    destination({ fd: 2, sync: true }),
  );
}
