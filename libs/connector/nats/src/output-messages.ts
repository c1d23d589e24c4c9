// The messages of a commit: the lines of a tenant together, each line ended by a line feed.
//
// A message is as long as the server takes. Lines that do not fit go into the next message of the subject. One line that is
// longer than a message continues in the next one. So the bodies of a subject, one after another, are its lines.
// The header LINES_HEADER says how many lines end in a message.

import { tenantOutputs, type OutputCommit } from '@pulses/connector-api';
import { aggregatedTopic, groupedTopic } from '@pulses/shared-pulse-model';

export interface OutputMessage {
  readonly subject: string;
  readonly lineCount: number;
  readonly body: Uint8Array;
}

const LINE_FEED = 10;

/** @param bodyBytesMax bytes that one message takes */
export function outputMessages(commit: OutputCommit, deadLetters: string, bodyBytesMax: number): OutputMessage[] {
  const messages: OutputMessage[] = [];
  for (const { tenant, recordCount, payload } of tenantOutputs(commit.grouped))
    addMessages(messages, groupedTopic(tenant), recordCount, payload, bodyBytesMax);
  for (const { tenant, recordCount, payload } of tenantOutputs(commit.aggregated))
    addMessages(messages, aggregatedTopic(tenant), recordCount, payload, bodyBytesMax);
  if (commit.deadLetters !== undefined)
    addMessages(messages, deadLetters, commit.deadLetters.recordCount, commit.deadLetters.payload, bodyBytesMax);
  return messages;
}

function addMessages(
  messages: OutputMessage[],
  subject: string,
  lineCount: number,
  payload: Uint8Array,
  bodyBytesMax: number,
): void {
  if (payload.byteLength <= bodyBytesMax) {
    messages.push({ subject, lineCount, body: payload });
    return;
  }
  for (let start = 0; start < payload.byteLength;) {
    const limit = start + bodyBytesMax;
    const lineEnd = limit >= payload.byteLength ? payload.byteLength : payload.lastIndexOf(LINE_FEED, limit - 1) + 1;
    const end = lineEnd > start ? lineEnd : limit;
    const body = payload.subarray(start, end);
    messages.push({ subject, lineCount: lineCountOf(body), body });
    start = end;
  }
}

function lineCountOf(body: Uint8Array): number {
  let count = 0;
  for (let at = body.indexOf(LINE_FEED); at >= 0; at = body.indexOf(LINE_FEED, at + 1)) count += 1;
  return count;
}
