// Failures of NATS as errors of the catalogue.

import { JetStreamApiError } from '@nats-io/jetstream';
import { isPulsesError, PulsesError, type ErrorCode } from '@pulses/shared-errors';
import { errors, type NatsConnection } from '@nats-io/transport-node';

/** Error codes of the server (errors.json of nats-server). */
export const SERVER_ERROR = {
  streamNotFound: 10_059,
  streamNameTaken: 10_058,
  subjectsOverlap: 10_065,
  wrongLastSequence: 10_071,
  wrongLastSequenceUnnamed: 10_164,
  atomicDisabled: 10_174,
  batchIncomplete: 10_176,
  batchTooLarge: 10_199,
  tooManyBatches: 10_210,
  duplicateId: 10_201,
} as const;

const CODES: Readonly<Record<number, ErrorCode>> = {
  // Another member has written the position.
  [SERVER_ERROR.wrongLastSequence]: 'FENCED',
  [SERVER_ERROR.wrongLastSequenceUnnamed]: 'FENCED',
  [SERVER_ERROR.tooManyBatches]: 'OVERLOADED',
  // Account limits, storage of the server, limits of the stream.
  10_002: 'STORAGE_FULL',
  10_023: 'STORAGE_FULL',
  10_028: 'STORAGE_FULL',
  10_047: 'STORAGE_FULL',
  10_077: 'STORAGE_FULL',
  10_122: 'STORAGE_FULL',
};

/** What has no room, by the code. */
const ROOM: Readonly<Record<number, string>> = {
  10_002: "raise the account's limit of storage",
  10_023: 'raise max_file_store of the server, or make room on its disk',
  10_028: 'raise max_memory_store of the server',
  10_047: 'raise max_file_store of the server, or make room on its disk',
  10_077: 'raise max_bytes or max_msgs of the stream, or remove messages that nothing needs',
  10_122: 'lower max_bytes of the stream, or raise the limit of the account',
};

/** An error as the server describes it in an answer. */
export interface ServerError {
  readonly code: number;
  readonly err_code?: number;
  readonly description: string;
}

/** @param what the server was asked for, for people */
export function serverFailure({ err_code: code = 0, description }: ServerError, what: string): PulsesError {
  // What the server refuses today it may take after a repair, so the session is tried again.
  const remedy = ROOM[code] === undefined ? '' : `; ${ROOM[code]}`;
  return new PulsesError(CODES[code] ?? 'CONNECTION_LOST', `NATS refused ${what}: ${description} (${code})${remedy}`);
}

/** Any failure of a call. @param what the server was asked for, for people */
export function natsFailure(error: unknown, what: string): PulsesError {
  if (isPulsesError(error)) return error;
  if (error instanceof JetStreamApiError) return serverFailure(error.apiError(), what);
  const cause = error instanceof errors.RequestError ? error.cause : error;
  if (cause instanceof errors.PermissionViolationError)
    return new PulsesError('ACCESS_REFUSED', `NATS: no right to ${rightOf(cause)}`, { cause: error });
  if (cause instanceof errors.NoRespondersError || (error instanceof errors.RequestError && error.isNoResponders()))
    return new PulsesError('CONNECTION_LOST', `NATS: no stream or no JetStream answers to ${what}`, { cause: error });
  if (cause instanceof errors.TimeoutError)
    return new PulsesError(
      'TIMED_OUT',
      `NATS did not answer to ${what}: it is slow, or its disk is full; its log tells`,
      { cause: error },
    );
  const message = error instanceof Error ? error.message : String(error);
  return new PulsesError('CONNECTION_LOST', `NATS: ${what} failed: ${message}`, { cause: error });
}

function rightOf({ operation, subject }: { operation: string; subject: string }): string {
  return `${operation === 'publish' ? 'publish to' : 'subscribe to'} '${subject}'`;
}

/** True when the server says that the stream does not exist. */
export function isStreamMissing(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.apiError().err_code === SERVER_ERROR.streamNotFound;
}

/** The server's number of a refusal. */
export function serverCode(error: unknown): number | undefined {
  return error instanceof JetStreamApiError ? error.apiError().err_code : undefined;
}

/** Tells when the connection ends, with the reason. */
export function onConnectionEnd(connection: NatsConnection, ended: (error: PulsesError) => void): void {
  void connection.closed().then((error) => {
    ended(natsFailure(error instanceof Error ? error : new Error('the connection was closed'), 'the connection'));
  });
}
