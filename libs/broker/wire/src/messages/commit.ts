// Atomic commits of consumer groups, and their positions.

import { checked, column, flag, id, list, str, struct, u32, u64, type ValueOf } from '@pulses/shared-binary';
import { violation } from '../body';
import { LIST_POSITIONS_LIMIT_MAX, POSITIONS_PER_COMMIT_MAX, TOPICS_PER_COMMIT_MAX } from '../limits';
import { groupName, metadata, payload, topicName } from './common-fields';
import { message } from './schema';

const positionChange = struct({
  name: str,
  /** 0: the position must not exist yet. */
  expectedRevision: u64,
  offset: u64,
  metadata,
});

/** The change of one position: refused with POSITION_CONFLICT unless the stored revision is `expectedRevision`. */
export type PositionChange = ValueOf<typeof positionChange>;

const storedPosition = struct({
  group: str,
  topic: str,
  incarnation: id,
  name: str,
  /** Next offset to read. */
  offset: u64,
  /** Counts the changes of this position, from 1. A commit names the revision that it replaces. */
  revision: u64,
  /** Opaque to the broker; at most `METADATA_BYTES_MAX` bytes of UTF-8. */
  metadata: str,
});

/** A consumer group's named position in one incarnation of a topic. */
export type StoredPosition = ValueOf<typeof storedPosition>;

const listLimit = checked(u32, (limit) => {
  if (limit === 0 || limit > LIST_POSITIONS_LIMIT_MAX) throw violation(`a limit of ${limit} positions`);
});

/** The place of a position in the order of `list-positions`: by group, topic and name, each by its UTF-8 bytes. */
const positionKey = struct({ group: str, topic: str, name: str });

export type PositionKey = ValueOf<typeof positionKey>;

export const COMMIT_REQUESTS = {
  /** All of it becomes durable and visible at once, or nothing does. */
  commit: message(7, {
    group: groupName,
    /** From `group-joined`; a commit of another epoch than the group's current one is FENCED. */
    groupEpoch: u64,
    /** The topic of the positions. */
    topic: topicName,
    incarnation: id,
    positions: list(positionChange, POSITIONS_PER_COMMIT_MAX),
    /** The fields from here on are those of `TopicColumns`. */
    newTopics: list(topicName, TOPICS_PER_COMMIT_MAX),
    topicIds: column(TOPICS_PER_COMMIT_MAX),
    counts: column(TOPICS_PER_COMMIT_MAX),
    lengths: column(TOPICS_PER_COMMIT_MAX),
    payloadCrc: u32,
    payload,
  }),
  /** Removes one position; FENCED and POSITION_CONFLICT as for a commit. Answered with `done`. */
  'delete-position': message(20, {
    group: groupName,
    groupEpoch: u64,
    topic: topicName,
    incarnation: id,
    name: str,
    /** The stored one. */
    expectedRevision: u64,
  }),
  /** '' for `group` or `topic` matches every one. */
  'read-positions': message(8, { group: str, topic: str }),
  /** Like `read-positions`, at most `limit` of them, after a position (empty texts: from the first). */
  'list-positions': message(19, { group: str, topic: str, after: positionKey, limit: listLimit }),
};

export const COMMIT_RESPONSES = {
  committed: message(134, {
    timestampMs: u64,
    /** Of `newTopics`, in that order. */
    newTopicIds: column(TOPICS_PER_COMMIT_MAX),
  }),
  positions: message(135, { positions: list(storedPosition) }),
  'positions-page': message(144, { positions: list(storedPosition, LIST_POSITIONS_LIMIT_MAX), more: flag }),
};
