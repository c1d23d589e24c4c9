// Messages for several topics, as columns: a sender that groups by topic needs no name and no object for a topic.

import { PulsesError } from '@pulses/shared-errors';
import { crc32 } from 'node:zlib';

/** A topic id from here on stands for a name in `newTopics`, by its number. */
export const NEW_TOPIC_ID = 0x8000_0000;

/**
 * Messages for one topic: `payload` holds `recordCount` messages, each followed by one line feed (0x0a). A message is
 * not empty and holds no line feed.
 */
export interface TopicAppend {
  readonly topic: string;
  readonly recordCount: number;
  readonly payload: Uint8Array;
  /** CRC-32 of the payload as its sender has computed it: it is checked, stored and handed to readers. */
  readonly payloadCrc?: number | undefined;
}

/** Messages for several topics. Row `i` is `counts[i]` messages in the next `lengths[i]` bytes of the payload. */
export interface TopicColumns {
  /** Topics of which the sender knows no id; those that do not exist are made. */
  readonly newTopics: readonly string[];
  /** By row: the topic's id, or NEW_TOPIC_ID and the number of a name. A topic may have several rows. */
  readonly topicIds: Uint32Array;
  /** By row: messages. */
  readonly counts: Uint32Array;
  /** By row: bytes. */
  readonly lengths: Uint32Array;
  readonly payload: Uint8Array;
  /** As that of TopicAppend, of the whole payload. */
  readonly payloadCrc: number;
}

/** The columns of appends: every topic by its name. */
export function columnsOf(appends: readonly TopicAppend[]): TopicColumns {
  const numbers = new Map<string, number>();
  for (const { topic } of appends) if (!numbers.has(topic)) numbers.set(topic, numbers.size);
  const payload = Buffer.concat(appends.map((append) => append.payload));
  return {
    newTopics: [...numbers.keys()],
    topicIds: Uint32Array.from(appends, ({ topic }) => NEW_TOPIC_ID + numbers.get(topic)!), // counted above
    counts: Uint32Array.from(appends, ({ recordCount }) => recordCount),
    lengths: Uint32Array.from(appends, (append) => append.payload.length),
    payload,
    payloadCrc: crc32(payload),
  };
}

/**
 * The appends of columns, row by row.
 * @param nameOf the topic with an id; undefined when there is none
 * @throws PulsesError TOPIC_UNKNOWN
 */
export function appendsOf(columns: TopicColumns, nameOf: (topicId: number) => string | undefined): TopicAppend[] {
  const { newTopics, topicIds, counts, lengths, payload } = columns;
  let at = 0;
  return Array.from(topicIds, (id, row) => {
    const topic = id >= NEW_TOPIC_ID ? newTopics[id - NEW_TOPIC_ID] : nameOf(id);
    if (topic === undefined) throw new PulsesError('TOPIC_UNKNOWN', `no topic has the id ${id}`);
    const start = at;
    at += lengths[row]!; // as many as ids
    return { topic, recordCount: counts[row]!, payload: payload.subarray(start, at) };
  });
}
