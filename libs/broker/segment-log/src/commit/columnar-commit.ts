// A commit as columns: what a sender that groups by topic has, without a name or an object for a topic.

import { PulsesError } from '@pulses/shared-errors';
import { checkCommit, type CommitRequest } from '@pulses/broker-log-api';
import { checkTopicName, COMMIT_MESSAGE_BYTES_MAX, FRAME_BYTES_MAX, TOPICS_PER_COMMIT_MAX } from '@pulses/broker-wire';
import { crc32 } from 'node:zlib';

/** A topic id from here on is the number of a name in `newTopics`. */
export const NEW_TOPIC_ID = 0x8000_0000;

const LINE_FEED = 0x0a;

export interface ColumnarCommit extends Omit<CommitRequest, 'appends'> {
  /** Topics that the sender knows no id of; those that do not exist are made. */
  readonly newTopics: readonly string[];
  /** By row: id of the topic, or NEW_TOPIC_ID plus a number. A topic may have several rows. */
  readonly topicIds: Uint32Array;
  /** By row: messages. */
  readonly counts: Uint32Array;
  /** By row: bytes, each message followed by one line feed. */
  readonly lengths: Uint32Array;
  /** The messages in the order of the rows. */
  readonly payload: Uint8Array;
  /** CRC-32 of the payload, as its sender has computed it: it is stored, and handed to readers. */
  readonly payloadCrc: number;
}

export interface ColumnarResult {
  readonly timestampMs: number;
  /** Ids of `newTopics`. */
  readonly newTopicIds: Uint32Array;
}

/** What can be said without knowing the state. @throws PulsesError PROTOCOL_VIOLATION, MESSAGE_TOO_LARGE, TOPIC_INVALID */
export function checkColumns(commit: ColumnarCommit): void {
  const { newTopics, topicIds, counts, lengths, payload, payloadCrc } = commit;
  checkCommit({ ...commit, appends: [] }, COMMIT_MESSAGE_BYTES_MAX, () => false);
  const rows = topicIds.length;
  if (counts.length !== rows || lengths.length !== rows) throw violation('the columns of a commit differ in length');
  if (rows > TOPICS_PER_COMMIT_MAX || newTopics.length > rows) throw violation('a commit holds too many topics');
  for (const name of newTopics) checkTopicName(name);
  if (payload.length > FRAME_BYTES_MAX) {
    throw new PulsesError('MESSAGE_TOO_LARGE', `a commit is above ${FRAME_BYTES_MAX} bytes`);
  }
  if (crc32(payload) !== payloadCrc) throw violation('the payload of a commit is not what its checksum says');
  checkRows(counts, lengths, payload);
}

function checkRows(counts: Uint32Array, lengths: Uint32Array, payload: Uint8Array): void {
  let at = 0;
  for (let row = 0; row < counts.length; row += 1) {
    const end = at + lengths[row]!; // as many as counts
    if (end > payload.length) throw violation('the rows of a commit are longer than its payload');
    let count = 0;
    while (at < end) {
      const lineEnd = payload.indexOf(LINE_FEED, at);
      if (lineEnd < 0 || lineEnd >= end) throw violation('the last message of a row has no line end');
      if (lineEnd === at) throw violation('a message is empty');
      if (lineEnd - at > COMMIT_MESSAGE_BYTES_MAX) throw tooLong(lineEnd - at);
      count += 1;
      at = lineEnd + 1;
    }
    if (count === 0 || count !== counts[row]) throw violation(`${counts[row]} messages announced, ${count} sent`);
  }
  if (at !== payload.length) throw violation('the payload of a commit is longer than its rows');
}

function violation(what: string): PulsesError {
  return new PulsesError('PROTOCOL_VIOLATION', what);
}

function tooLong(length: number): PulsesError {
  const what = `a message of ${length} bytes; at most ${COMMIT_MESSAGE_BYTES_MAX} are allowed`;
  return new PulsesError('MESSAGE_TOO_LARGE', what);
}
