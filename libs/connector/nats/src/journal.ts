// Messages of a commit as bytes: those of a large commit that do not fit its first batch.
//
//   entry  := subject length u16, line count u32, body length u32, subject, body     (little-endian)
//
// The entries follow each other, cut into messages of any length.

import { PulsesError } from '@pulses/shared-errors';
import type { OutputMessage } from './output-messages';

const HEAD_BYTES = 10;

/**
 * How many messages at the end of a commit go into its journal, so that the others, the journal and the record fit a batch.
 * All of them when that is impossible.
 * @param messagesMax of a batch
 * @param chunkBytesMax bytes that one message takes
 */
export function journaledCount(messages: readonly OutputMessage[], messagesMax: number, chunkBytesMax: number): number {
  let bytes = 0;
  for (let first = messages.length - 1; first >= 0; first -= 1) {
    const { subject, body } = messages[first] as OutputMessage;
    bytes += HEAD_BYTES + Buffer.byteLength(subject) + body.byteLength;
    if (first + Math.ceil(bytes / chunkBytesMax) + 1 <= messagesMax) return messages.length - first;
  }
  return messages.length;
}

/** @param chunkBytesMax bytes that one message takes */
export function encodeJournal(messages: readonly OutputMessage[], chunkBytesMax: number): Uint8Array[] {
  const parts = messages.flatMap(({ subject, lineCount, body }) => {
    const head = Buffer.alloc(HEAD_BYTES);
    const name = Buffer.from(subject);
    head.writeUInt16LE(name.byteLength, 0);
    head.writeUInt32LE(lineCount, 2);
    head.writeUInt32LE(body.byteLength, 6);
    return [head, name, body];
  });
  const bytes = Buffer.concat(parts);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.byteLength; at += chunkBytesMax) chunks.push(bytes.subarray(at, at + chunkBytesMax));
  return chunks;
}

/** @throws PulsesError PROTOCOL_VIOLATION for bytes that are no journal */
export function decodeJournal(chunks: readonly Uint8Array[]): OutputMessage[] {
  const bytes = Buffer.concat(chunks);
  const messages: OutputMessage[] = [];
  for (let at = 0; at < bytes.byteLength;) {
    if (at + HEAD_BYTES > bytes.byteLength) throw damaged();
    const bodyAt = at + HEAD_BYTES + bytes.readUInt16LE(at);
    const end = bodyAt + bytes.readUInt32LE(at + 6);
    if (end > bytes.byteLength) throw damaged();
    messages.push({
      subject: bytes.toString('utf8', at + HEAD_BYTES, bodyAt),
      lineCount: bytes.readUInt32LE(at + 2),
      body: bytes.subarray(bodyAt, end),
    });
    at = end;
  }
  return messages;
}

const damaged = () => new PulsesError('PROTOCOL_VIOLATION', 'the journal of a commit ends in the middle of an entry');
