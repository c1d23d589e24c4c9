// The changes that a journal frame carries, as plain values. docs/formats/journal.md has the bytes.
//
// One frame is one atomic step: all its entries take effect or none does. Every entry states its outcome (the
// offset, the revision, the epoch), so applying it decides nothing.

import type { Incarnation, ProducerStamp } from '@pulses/broker-wire';

export interface TopicCreated {
  readonly kind: 'topic-created';
  /** Short name of this incarnation within the log; never used again. */
  readonly topicId: number;
  readonly topic: string;
  readonly incarnation: Incarnation;
}

/** Messages of one topic. The payload is `bytes[start, start + length)`; the encoder may move it. */
export interface Appended {
  readonly kind: 'appended';
  readonly topicId: number;
  readonly baseOffset: number;
  readonly recordCount: number;
  readonly length: number;
  bytes: Uint8Array;
  start: number;
  /** Absent when nothing is deduplicated. */
  readonly producer: ProducerStamp | undefined;
}

export interface PositionSet {
  readonly name: string;
  readonly offset: number;
  readonly revision: number;
  readonly metadata: string;
}

export interface PositionsSet {
  readonly kind: 'positions-set';
  readonly group: string;
  readonly topicId: number;
  readonly positions: readonly PositionSet[];
}

export interface PositionDeleted {
  readonly kind: 'position-deleted';
  readonly group: string;
  readonly topicId: number;
  readonly name: string;
}

export interface DeletedTopic {
  readonly topicId: number;
  readonly topic: string;
  readonly incarnation: Incarnation;
}

export interface TopicsDeleted {
  readonly kind: 'topics-deleted';
  /** With names: their files have to go, also when the state does not know them any more. */
  readonly topics: readonly DeletedTopic[];
}

export interface GroupEpochSet {
  readonly kind: 'group-epoch-set';
  readonly group: string;
  readonly epoch: number;
}

/** The outputs of the topic belong to the group from now on, with the positions that a deleted owner left. */
export interface OutputsClaimed {
  readonly kind: 'outputs-claimed';
  readonly topicId: number;
  readonly group: string;
}

/** The group and its positions go; those on a topic whose outputs it owned stay, for the next owner. */
export interface GroupDeleted {
  readonly kind: 'group-deleted';
  readonly group: string;
}

/** An idle group that owns no outputs, gone with its positions. */
export interface GroupExpired {
  readonly kind: 'group-expired';
  readonly group: string;
}

export interface ProducerRetired {
  readonly kind: 'producer-retired';
  readonly id: string;
  readonly epoch: number;
}

/** Producers that were not used for long, and are forgotten. */
export interface ProducersExpired {
  readonly kind: 'producers-expired';
  readonly ids: readonly string[];
}

/** Retention: the messages before `startOffset` are no longer kept. */
export interface TopicTrimmed {
  readonly kind: 'topic-trimmed';
  readonly topicId: number;
  readonly startOffset: number;
  /** Bytes of the messages that are no longer kept. */
  readonly bytesRemoved: number;
  /** Timestamp of the first message still kept; 0 when none is. */
  readonly firstTimestampMs: number;
}

export type Entry =
  | TopicCreated
  | Appended
  | PositionsSet
  | PositionDeleted
  | TopicsDeleted
  | GroupEpochSet
  | ProducerRetired
  | TopicTrimmed
  | OutputsClaimed
  | GroupDeleted
  | GroupExpired
  | ProducersExpired;
