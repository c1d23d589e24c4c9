// Maps failures of the Redis client to codes of the catalogue.
//
// An error reply of Redis starts with a code in capitals. That word is its interface, not the rest of the text.

import { isPulsesError, PulsesError, type ErrorCode } from '@pulses/shared-errors';

interface Meaning {
  readonly code: ErrorCode;
  readonly text: string;
}

const BUSY: Meaning = { code: 'OVERLOADED', text: 'Redis does not take commands now' };
const MOVED: Meaning = { code: 'CONNECTION_LOST', text: 'the cluster has moved the keys to another node' };
const REFUSED: Meaning = { code: 'UNAUTHENTICATED', text: 'Redis refuses the user or password' };

const REFUSALS: ReadonlyMap<string, Meaning> = new Map([
  ['OOM', { code: 'STORAGE_FULL', text: 'the memory of Redis is full (maxmemory); nothing was added' }],
  ['WRONGPASS', REFUSED],
  ['NOAUTH', REFUSED],
  [
    'NOPERM',
    { code: 'UNAUTHENTICATED', text: 'the user of Redis may not run the commands or touch the keys of the engine' },
  ],
  ['LOADING', BUSY],
  ['BUSY', BUSY],
  ['TRYAGAIN', BUSY],
  ['CLUSTERDOWN', BUSY],
  ['MASTERDOWN', BUSY],
  ['MISCONF', BUSY],
  ['NOREPLICAS', BUSY],
  ['READONLY', { code: 'CONNECTION_LOST', text: 'Redis is a replica, which takes no writes' }],
  ['MOVED', MOVED],
  ['ASK', MOVED],
]);

/** The code at the start of an error reply; empty when the failure is no error reply. */
export function refusalOf(error: unknown): string {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return '';
  // Some versions prefix the error reply of a command inside a script with other words.
  return /^(?:ERR .*?-|-)?([A-Z]+)\b/.exec(error.message)?.[1] ?? '';
}

/** The failure as a PulsesError. */
export function pulsesErrorOf(error: unknown, place: string): PulsesError {
  if (isPulsesError(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  const refusal = refusalOf(error);
  const meaning = REFUSALS.get(refusal);
  if (meaning !== undefined)
    return new PulsesError(meaning.code, `${place}: ${meaning.text} (${message})`, { cause: error });
  if (refusal !== '')
    return new PulsesError('PROTOCOL_VIOLATION', `${place}: Redis answers: ${message}`, { cause: error });
  return new PulsesError(codeOf(error), `${place}: ${message}`, { cause: error });
}

/** Failures below the protocol: certificates, time-outs, connections. */
function codeOf(error: unknown): ErrorCode {
  const { code = '', message = '' } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  if (code.includes('CERT') || code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL')) return 'CONFIG_INVALID';
  // The client has no codes for these two.
  return code === 'ETIMEDOUT' || message === 'Command timed out' ? 'TIMED_OUT' : 'CONNECTION_LOST';
}
