// What the broker stores, as its server sees it: topics of messages, producers, positions and group epochs, all in
// one journal. The server owns connections and leases; the log owns everything that survives a restart.
//
// Guarantees: a promise of a change resolves only after the change is durable. Changes take effect in the order of the
// calls. Nothing that is not durable is ever visible through `read`, `topic`, `topics` or `positions`.

import type {
  Incarnation,
  PositionChange,
  ProducerStamp,
  RecordBatch,
  ScanPlace,
  StoredGroup,
  StoredPosition,
  TopicAppend,
  TopicColumns,
  TopicInfo,
} from '@pulses/broker-wire';

export interface AppendResult {
  readonly baseOffset: number;
  readonly timestampMs: number;
  readonly duplicate: boolean;
}

/** A member of a group, and the topic that its request is about. */
export interface GroupRequest {
  readonly group: string;
  readonly groupEpoch: number;
  readonly topic: string;
  readonly incarnation: Incarnation;
}

/** Messages for any number of topics, and changes of the group's positions in one topic. */
export interface CommitRequest extends GroupRequest, TopicColumns {
  readonly positions: readonly PositionChange[];
}

export interface CommitResult {
  readonly timestampMs: number;
  /** Ids of `newTopics`. An id is that of one incarnation, and is never used again. */
  readonly newTopicIds: Uint32Array;
}

/** Groups that expire in one step; the others do in the next. */
export const EXPIRED_GROUPS_MAX = 1_000;
/** Producers that are forgotten in one step. */
export const EXPIRED_PRODUCERS_MAX = 100_000;

/** A group that has expired, as it was. */
export interface ExpiredGroup {
  readonly group: string;
  /** When a member last joined or committed, by the log's clock. */
  readonly lastUsedMs: number;
  readonly positions: readonly StoredPosition[];
}

/** Messages of many topics: a row is consecutive ones of a topic, and its bytes follow those of the row before. */
export interface ScannedRows {
  readonly topicIds: Uint32Array;
  readonly baseOffsets: readonly number[];
  readonly counts: Uint32Array;
  readonly lengths: Uint32Array;
  readonly payload: Uint8Array;
  /** Where the scan continues. */
  readonly next: ScanPlace;
  /** False at the end. */
  readonly more: boolean;
}

export type PositionDeletion = GroupRequest & Pick<PositionChange, 'name' | 'expectedRevision'>;

export interface BrokerLog {
  /**
   * Appends messages to a topic, which is made when it does not exist. Without `producer` nothing is deduplicated
   * (the line protocol). The payload must not change before the promise settles, and is not looked at afterwards.
   *
   * @param era `producerEra` of when the sender connected. The first batch of an unknown producer is refused in a later
   * era: it might be the repeat of one that is forgotten. Without it nothing is refused.
   * @throws PulsesError PROTOCOL_VIOLATION (the payload is not `recordCount` messages), MESSAGE_TOO_LARGE,
   * TOPIC_INVALID, FENCED, SEQUENCE_GAP, CONNECTION_LOST (the era has passed: connect again), STORAGE_FULL (nothing
   * stored, try again later), STORAGE_FAILED (the log is dead), OVERLOADED (`pendingBytesMax` waiting, or `producersMax`
   * known), SHUTTING_DOWN
   */
  append(append: TopicAppend, producer?: ProducerStamp, era?: number): Promise<AppendResult>;

  /** Producers that are known: they published and have neither retired nor been forgotten. At `producersMax` no new one is taken. */
  readonly producerCount: number;
  readonly producersMax: number;

  /** Counts the times that producers were forgotten, since the log was opened. */
  readonly producerEra: number;

  /**
   * Forgets producers whose last batch was stored `unusedMs` of the log's clock ago, at most EXPIRED_PRODUCERS_MAX at once,
   * and resolves to their number.
   */
  expireProducers(unusedMs: number): Promise<number>;

  /**
   * Appends and position changes as one atomic step. Bytes and columns must not change before the promise settles.
   *
   * @throws PulsesError TOPIC_UNKNOWN (no topic has the id, or no longer), FENCED (group epoch), POSITION_CONFLICT (revision or incarnation), OFFSET_OUT_OF_RANGE (a
   * position below the topic's start, or beyond its end with the commit's own messages), OUTPUTS_OWNED (another group
   * publishes from the topic), and those of `append`
   */
  commit(request: CommitRequest): Promise<CommitResult>;

  /**
   * Removes a position of the group. The next one of that name starts at revision 1.
   *
   * @throws PulsesError FENCED (group epoch), POSITION_CONFLICT (revision or incarnation, or there is none), storage errors
   */
  deletePosition(request: PositionDeletion): Promise<void>;

  /** Makes the topic unless it exists. @throws PulsesError TOPIC_INVALID and storage errors */
  createTopic(topic: string): Promise<TopicInfo>;

  /** Removes topics with their messages and positions in one step, no name meaning all; resolves to the names that existed. */
  deleteTopics(topics: readonly string[]): Promise<string[]>;

  /**
   * Raises the group's epoch, durably, and resolves to it: every commit of a lower epoch is now FENCED. With
   * `sourceTopic`, which is made when it does not exist, the group also claims the outputs of that topic. No other
   * group may then publish them. A commit with appends claims those of its topic in the same way.
   *
   * @throws PulsesError OUTPUTS_OWNED (another group has claimed them), TOPIC_INVALID, storage errors
   */
  advanceGroupEpoch(group: string, sourceTopic?: string): Promise<number>;

  /**
   * Removes a group with its positions; false when there is no such group. Outputs that it has claimed are free then, and
   * their positions wait for the next group that claims them.
   */
  deleteGroup(group: string): Promise<boolean>;

  /**
   * Removes groups that own no outputs and were idle for `idleMs` of the log's clock: no member joined, none committed.
   * They go with their positions, at most EXPIRED_GROUPS_MAX at once. A group of which `hasMember` is true stays, and its
   * idle time starts again once half of it has passed. `hasMember` is asked when the request's turn has come.
   */
  expireGroups(idleMs: number, hasMember: (group: string) => boolean): Promise<ExpiredGroup[]>;

  /** After every change called before it is durable: every group that has joined or stored a position. */
  groups(): Promise<StoredGroup[]>;

  retireProducer(id: string, epoch: number): Promise<void>;

  topic(name: string): TopicInfo | undefined;

  /** In name order by UTF-8 bytes, after `after`, at most `limit`. */
  topics(query: { prefix: string; after: string; limit: number }): { topics: TopicInfo[]; more: boolean };

  /** After every change called before it is durable: the positions, '' matching every group or topic. */
  positions(group: string, topic: string): Promise<StoredPosition[]>;

  /**
   * Durable messages from `fromOffset` on, where the first batch starts exactly. Together they have at most `bytesMax`
   * of payload, yet at least one message. Empty at the high watermark. A batch that is what was appended may have the
   * checksum that came with it.
   *
   * @throws PulsesError TOPIC_UNKNOWN (deleted, or another incarnation), OFFSET_OUT_OF_RANGE, JOURNAL_CORRUPT,
   * OVERLOADED (no descriptor is left), STORAGE_FAILED (the disk cannot be read)
   */
  read(topic: string, incarnation: Incarnation, fromOffset: number, bytesMax: number): Promise<RecordBatch[]>;

  /**
   * Durable messages of all topics of the kind that a topic called `like` is of, in the order in which they are stored. Begins
   * at SCAN_START and continues from `next`; any other place is as good as the start. Each call gives at most `bytesMax`
   * of payload, or one message that is longer, or nothing yet.
   *
   * A topic's messages come in order. All that is durable when the scan begins and is kept until its end comes. Of what comes
   * later some may, and what was sealed meanwhile may come twice.
   *
   * @throws PulsesError JOURNAL_CORRUPT, OVERLOADED (no descriptor is left), STORAGE_FAILED (the disk cannot be read)
   */
  scan(like: string, from: ScanPlace, bytesMax: number): Promise<ScannedRows>;

  /**
   * Calls `listener` after the high watermark of the topic moves, and after the topic is made or deleted. Calls are a
   * wake-up only and may be merged. Returns the function that ends it. The topic need not exist.
   */
  onChange(topic: string, listener: () => void): () => void;

  /**
   * The log's clock in milliseconds: no message stored from now on has an earlier timestamp. Moves with the wall
   * clock, never backwards.
   */
  clockMs(): number;

  /** True while changes, and what has to wait for them, are on their way. */
  readonly isCommitting: boolean;

  /** Bytes of full journal segments that wait to be sealed. */
  readonly unsealedBytes: number;

  /** Resolves when the log has failed for good (STORAGE_FAILED): the process must exit. */
  readonly failed: Promise<Error>;

  /** Waits for what is under way, makes it durable, closes files and gives the lock back. */
  close(): Promise<void>;
}
