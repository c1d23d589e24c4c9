// What can be said about the columns of a commit without knowing the state.

import {
  checkTopicName,
  COMMIT_MESSAGE_BYTES_MAX,
  FRAME_BYTES_MAX,
  TOPICS_PER_COMMIT_MAX,
  type TopicColumns,
} from '@pulses/broker-wire';
import { PulsesError } from '@pulses/shared-errors';
import { crc32 } from 'node:zlib';

const LINE_FEED = 0x0a;

/** @throws PulsesError PROTOCOL_VIOLATION, MESSAGE_TOO_LARGE, TOPIC_INVALID */
export function checkColumns({ newTopics, topicIds, counts, lengths, payload, payloadCrc }: TopicColumns): void {
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
