// Fields that several messages share.

import { GROUP_NAME_BYTES_MAX, METADATA_BYTES_MAX } from '../limits';
import { checkTopicName } from '../payload';
import { violation } from '../body';
import { bytes, checked, id, mapped, str, type Field } from './schema';

/** Random id of one life of a topic, 16 bytes as 32 hex digits: a topic deleted and made again gets a new one. */
export type Incarnation = string;

const ANY_INCARNATION = '0'.repeat(32);

/** A topic that a client names. @throws PulsesError TOPIC_INVALID when it is read */
export const topicName = checked(str, checkTopicName);

export const groupName = checked(str, (group) => {
  if (group === '' || Buffer.byteLength(group) > GROUP_NAME_BYTES_MAX) {
    throw violation('a group name is empty or too long');
  }
});

export const metadata = checked(str, (text) => {
  if (Buffer.byteLength(text) > METADATA_BYTES_MAX) throw violation('metadata is too long');
});

/** '' accepts any; it is all zeros on the wire. */
export const incarnationOrAny: Field<Incarnation> = mapped(
  id,
  (incarnation: Incarnation) => (incarnation === '' ? ANY_INCARNATION : incarnation),
  (stored) => (stored === ANY_INCARNATION ? '' : stored),
);

/**
 * Messages for one topic: `payload` holds `recordCount` messages, each followed by one line feed (0x0a). A message is
 * not empty and holds no line feed.
 */
export interface TopicAppend {
  readonly topic: string;
  readonly recordCount: number;
  readonly payload: Uint8Array;
}

/** Written by hand: a commit holds thousands. */
export const topicAppend: Field<TopicAppend> = {
  bytesMin: topicName.bytesMin + 4 + bytes.bytesMin,
  write: (writer, { topic, recordCount, payload }) => {
    writer.str(topic);
    writer.u32(recordCount);
    writer.bytes(payload);
  },
  read: (reader) => ({ topic: topicName.read(reader), recordCount: reader.u32(), payload: reader.bytes() }),
};
