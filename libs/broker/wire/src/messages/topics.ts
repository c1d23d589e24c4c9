// Topics: list, create, delete.

import { checked, flag, id, list, str, struct, u32, u64, type ValueOf } from '@pulses/shared-binary';
import { violation } from '../body';
import { LIST_TOPICS_LIMIT_MAX, TOPICS_PER_COMMIT_MAX } from '../limits';
import { topicName } from './common-fields';
import { message } from './schema';

const topicInfo = struct({
  topic: str,
  incarnation: id,
  /** First offset still kept. */
  startOffset: u64,
  /** The high watermark: the offset that the next message gets; everything below is durable. */
  nextOffset: u64,
  /** Bytes of the kept messages with their line feeds. */
  bytes: u64,
  /** Broker time of the first kept message; 0 when there is none. */
  firstTimestampMs: u64,
  /** Broker time of the last message; 0 when there is none. */
  lastTimestampMs: u64,
});

export type TopicInfo = ValueOf<typeof topicInfo>;

const listLimit = checked(u32, (limit) => {
  if (limit === 0 || limit > LIST_TOPICS_LIMIT_MAX) throw violation(`a limit of ${limit} topics`);
});

export const TOPIC_REQUESTS = {
  /** Topics in name order (by UTF-8 bytes), after the name `after` ('' from the first), at most `limit`. */
  'list-topics': message(9, { prefix: str, after: str, limit: listLimit }),
  /** Makes the topic unless it exists; answered with `topic` either way. */
  'create-topic': message(10, { topic: topicName }),
  /** Removes topics with their messages and positions, all at once. Unknown names are ignored; no name means all. */
  'delete-topics': message(11, { topics: list(topicName, TOPICS_PER_COMMIT_MAX) }),
};

export const TOPIC_RESPONSES = {
  topics: message(136, { topics: list(topicInfo, LIST_TOPICS_LIMIT_MAX), more: flag }),
  topic: message(137, { topic: topicInfo }),
};
