// Fields that several messages share.

import { checked, id, mapped, str, type Field } from '@pulses/shared-binary';
import { GROUP_NAME_BYTES_MAX, METADATA_BYTES_MAX } from '../limits';
import { checkTopicName } from '../payload';
import { violation } from '../body';
import { type PayloadField } from './schema';

/** Random id of one life of a topic, 16 bytes as 32 hex digits: a topic deleted and made again gets a new one. */
export type Incarnation = string;

const TOPIC_ID_DIGITS = 8;

/** The part of an incarnation that all topics of one log share, and topics of no other log. */
export function logIdOf(incarnation: Incarnation): string {
  return incarnation.slice(TOPIC_ID_DIGITS);
}

/** The id that the topic has in its log; see `committed`. */
export function topicIdOf(incarnation: Incarnation): number {
  return parseInt(incarnation.slice(0, TOPIC_ID_DIGITS), 16);
}

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

/** The whole payload of the frame; a field beside it has its CRC. */
export const payload: PayloadField<Uint8Array> = {
  bytesMin: 0,
  write: (_writer, value, parts) => {
    parts.add(value);
  },
  read: (_reader, attached) => attached.raw(attached.remaining),
};
