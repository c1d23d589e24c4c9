// Every operating error that Pulses can report: one row each, tied to docs/errors.md by a test.
//
// Programmer errors (a broken precondition) are TypeErrors and are not listed here.

/** The meaning of a code, and what the caller and the operator should do. */
export interface ErrorRow {
  /** What happened, as a full sentence. */
  readonly meaning: string;
  /** True when the same request can succeed later without a change. */
  readonly retriable: boolean;
  /** What the operator should do. */
  readonly action: string;
}

export const ERROR_CATALOGUE = {
  CONFIG_INVALID: {
    meaning: 'A setting, flag or argument is not valid.',
    retriable: false,
    action: 'Correct the flag or environment variable that the message names.',
  },
  ADDRESS_IN_USE: {
    meaning: 'The address to listen on is taken by another process.',
    retriable: false,
    action: 'Stop the other process or choose another port.',
  },
  DATA_DIR_LOCKED: {
    meaning: 'Another broker has the data directory open.',
    retriable: false,
    action: 'Stop the other broker or choose another --data-dir.',
  },
  JOURNAL_CORRUPT: {
    meaning: 'Stored bytes are not the ones that were written.',
    retriable: false,
    action: 'Keep a copy of the data directory, then run the repair command that the message names.',
  },
  STORAGE_FULL: {
    meaning: 'The disk or quota of the data directory is full; nothing was stored.',
    retriable: true,
    action: 'Free space; the broker continues on its own.',
  },
  STORAGE_FAILED: {
    meaning: 'The data directory could not be written or synchronised.',
    retriable: false,
    action: 'Check the disk; restart the broker once it is sound.',
  },
  CONNECTION_LOST: {
    meaning: 'The connection broke before the answer came; the request may or may not have been done.',
    retriable: true,
    action: 'Check that the broker runs and is reachable; clients reconnect by themselves.',
  },
  NOT_A_BROKER: {
    meaning: 'Something answers at the address, but it is no broker of Pulses.',
    retriable: true,
    action: 'Correct --host and --port; set --tls for a broker with TLS. Services try again until a broker answers.',
  },
  TIMED_OUT: {
    meaning: 'The peer did not answer in time; the request may or may not have been done.',
    retriable: true,
    action: 'Check the load and health of the broker.',
  },
  PROTOCOL_VIOLATION: {
    meaning: 'The peer sent bytes that are not a valid frame or a request that does not fit the protocol.',
    retriable: false,
    action: 'Check that both sides run the same version and that nothing alters the bytes between them.',
  },
  VERSION_UNSUPPORTED: {
    meaning: 'The peer speaks a version of the protocol that this side does not.',
    retriable: false,
    action: 'Update the older side.',
  },
  UNAUTHENTICATED: {
    meaning: "The broker, or the ingestor's HTTP, asks for a token and got none or a wrong one.",
    retriable: false,
    action: 'Give the client the token of the service with --auth-token-file.',
  },
  ACCESS_REFUSED: {
    meaning: 'The message system does not let this program in, or denies it a right; nothing was stored.',
    retriable: true,
    action:
      'Correct the setting or grant the right that the message names. A running ingestor tries again by itself; at its ' +
      'start it ends with `CONFIG_INVALID`.',
  },
  LOG_UNSUITABLE: {
    meaning: 'A topic or server of the message system is set up so that the promises cannot be kept.',
    retriable: true,
    action:
      'Run the command that the message names. A running ingestor tries again by itself; at its start it ends with ' +
      '`CONFIG_INVALID`.',
  },
  MESSAGE_TOO_LARGE: {
    meaning: 'A message or frame is above the limit; nothing of it was stored.',
    retriable: false,
    action: 'Send smaller messages; the message names the limit.',
  },
  TOPIC_INVALID: {
    meaning: 'The topic name is empty, too long or holds a control character.',
    retriable: false,
    action: 'Use a name of 1 to 249 bytes of UTF-8 without control characters.',
  },
  TOPIC_UNKNOWN: {
    meaning: 'No topic of that name exists, or it was deleted.',
    retriable: false,
    action: 'Check the name with `pulses topics`.',
  },
  OFFSET_OUT_OF_RANGE: {
    meaning: 'The offset is before the first kept or beyond the last stored message of the topic.',
    retriable: false,
    action: 'Read from an offset that `pulses topics` shows as kept.',
  },
  SEQUENCE_GAP: {
    meaning: 'A producer skipped a sequence number, so messages of it are missing.',
    retriable: false,
    action: 'Restart the producer; report the case if it returns.',
  },
  PRODUCER_EXPIRED: {
    meaning: 'A producer got no answer to its first batch for so long that the broker may have forgotten it.',
    retriable: false,
    action: 'Look whether the messages are stored, and publish again what is missing.',
  },
  FENCED: {
    meaning: 'A newer holder has taken over; this one may no longer write.',
    retriable: false,
    action: 'Nothing, when a standby took over; else look for two holders of one name.',
  },
  POSITION_CONFLICT: {
    meaning: 'The stored position is not the one that the commit expected; nothing was stored.',
    retriable: false,
    action: 'Nothing: the ingestor reads the stored position back and continues from it.',
  },
  OUTPUTS_OWNED: {
    meaning: 'Another group publishes the outputs of this source; nothing was stored.',
    retriable: false,
    action: 'Start the ingestor with the --group that the message names, or hand over with `pulses groups delete`.',
  },
  GROUP_ACTIVE: {
    meaning: 'The group has an active member and cannot be deleted.',
    retriable: false,
    action: 'Stop the ingestors of the group first.',
  },
  OUTPUT_INVALID: {
    meaning: 'A line of an output topic is not one that the ingestor writes.',
    retriable: false,
    action: 'Find out what else writes to the topic; `pulses audit` names the first difference.',
  },
  OVERLOADED: {
    meaning: 'A limit on connections, queues or waiting bytes is reached.',
    retriable: true,
    action: 'Slow down or raise the limit that the message names.',
  },
  WINDOW_FULL: {
    meaning: 'A window has more keys (tenant, SKU, unit) than it may hold.',
    retriable: false,
    action: 'Restart the ingestor with a shorter --flush-interval.',
  },
  SHUTTING_DOWN: {
    meaning: 'The broker is stopping and takes no more requests.',
    retriable: true,
    action: 'Wait for it to come back; clients reconnect by themselves.',
  },
} as const satisfies Record<string, ErrorRow>;

/** A stable code of the catalogue. */
export type ErrorCode = keyof typeof ERROR_CATALOGUE;

/** True when `code` is a row of the catalogue. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CATALOGUE, code);
}
