// The first bytes of a connection choose its protocol.
//
//   opening = PREAMBLE                               the broker's own protocol
//           | "sink-connector_" topic [CR] LF        every following line is a message
//           | "source-connector_" topic [CR] LF      the broker sends every message

import { isPulsesError } from '@pulses/shared-errors';
import { COMMAND_LINE_BYTES_MAX, PREAMBLE } from './limits';
import { checkTopicName } from './payload';

/** The protocol of a connection; `rest` are the bytes after the opening. */
export type Opening =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'binary'; readonly rest: Uint8Array }
  | { readonly kind: 'sink' | 'source'; readonly topic: string; readonly rest: Uint8Array }
  | { readonly kind: 'invalid'; readonly reason: string };

const COMMANDS = { 'sink-connector': 'sink', 'source-connector': 'source' } as const;
const LINE_FEED = 10;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads an opening from chunks of any size. The first result that is not `incomplete` is the last. */
export function createOpeningReader(): { push(chunk: Uint8Array): Opening } {
  let held: Buffer = Buffer.alloc(0);
  return {
    push(chunk) {
      held =
        held.byteLength === 0
          ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
          : Buffer.concat([held, chunk]);
      return openingOf(held);
    },
  };
}

function openingOf(bytes: Buffer): Opening {
  const [firstByte] = bytes;
  if (firstByte === undefined) return { kind: 'incomplete' };
  if (firstByte === PREAMBLE[0]) {
    const common = Math.min(bytes.byteLength, PREAMBLE.byteLength);
    if (bytes.compare(PREAMBLE, 0, common, 0, common) !== 0)
      return { kind: 'invalid', reason: 'a preamble that is not ours' };
    if (common < PREAMBLE.byteLength) return { kind: 'incomplete' };
    return { kind: 'binary', rest: bytes.subarray(PREAMBLE.byteLength) };
  }
  const lineEnd = bytes.subarray(0, COMMAND_LINE_BYTES_MAX).indexOf(LINE_FEED);
  if (lineEnd < 0)
    return bytes.byteLength < COMMAND_LINE_BYTES_MAX
      ? { kind: 'incomplete' }
      : { kind: 'invalid', reason: `the first line is longer than ${COMMAND_LINE_BYTES_MAX} bytes` };
  let line: string;
  try {
    line = decoder.decode(bytes.subarray(0, lineEnd));
  } catch {
    // Read leniently, two names of other bytes could become one.
    return { kind: 'invalid', reason: 'the first line is not UTF-8' };
  }
  return commandOf(line.replace(/\r$/, ''), bytes.subarray(lineEnd + 1));
}

function commandOf(line: string, rest: Uint8Array): Opening {
  const separator = line.indexOf('_');
  const command = line.slice(0, separator);
  const kind =
    separator < 0 || !Object.hasOwn(COMMANDS, command) ? undefined : COMMANDS[command as keyof typeof COMMANDS];
  if (kind === undefined)
    return { kind: 'invalid', reason: 'the first line is neither sink-connector_<topic> nor source-connector_<topic>' };
  const topic = line.slice(separator + 1);
  try {
    checkTopicName(topic);
  } catch (error) {
    if (!isPulsesError(error)) throw error;
    return { kind: 'invalid', reason: error.message };
  }
  return { kind, topic, rest };
}
