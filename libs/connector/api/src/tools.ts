// How the command line, the audit and the stub generator look into a message system and publish to it.
//
// Names are logical. `tenants.<tenant>.grouped.pulses` names the grouped lines of a tenant on every system. An adapter that
// keeps several tenants in one topic picks out those of the tenant. A name of the system's own is taken as it is.
//
// A topic has one or more partitions, each a log of its own. `topics` and `partitions` answer one PartitionInfo for each.
//
// Concurrency: calls on one TopicReader may overlap, also several `read`. A failed connection ends the reader: every call
// under way and every later one rejects. Nothing is tried again, except by a producer.

import type { GroupInfo, GroupPosition, PositionName } from './groups';
import type { LineProducer, LineProducerOptions, MarkedPublisher, MarkedPublisherOptions } from './publishing';
import type { OutputBatch, OutputInfo, Partition, PartitionInfo, ReadRange, StoredBatch } from './stored-batches';

/** The tools' side of a connector. */
export interface ConnectorTools {
  readonly name: string;
  /** @throws PulsesError CONNECTION_LOST, TIMED_OUT, UNAUTHENTICATED and the like */
  connect(): Promise<TopicAdmin>;
  /** @throws PulsesError as `connect`, unless `isPatient` */
  openProducer(options: LineProducerOptions): Promise<LineProducer>;
}

/** The calls that only read. */
export interface TopicReader {
  /** All topics whose name starts with `prefix`, by name and partition. */
  topics(prefix: string): Promise<PartitionInfo[]>;
  /** The partitions that hold the lines of all tenants, each line once. */
  outputs(): Promise<OutputInfo[]>;
  /** The partitions of one topic, by number; none when there is no such topic. Does not make it. */
  partitions(topic: string): Promise<PartitionInfo[]>;
  /**
   * Every message of the range once, in order, some batches at a time. Ends when all below `untilOffset` was read, also
   * where the last offsets are no messages. Batches are lent: they are valid until the next ones are asked for.
   *
   * @throws PulsesError TOPIC_UNKNOWN when the topic is not the one of this incarnation; OFFSET_OUT_OF_RANGE when
   * `fromOffset` is no longer kept, or beyond the end
   */
  read(partition: Partition, range: ReadRange): AsyncIterable<readonly StoredBatch[]>;
  /**
   * Everything in output partitions of one kind, from their start offsets to their next offsets, once. What belongs to one
   * tenant in one partition comes in order; tenants are mixed. A partition that is not shared keeps its name. Batches are
   * lent as by `read`.
   * @throws PulsesError as `read`
   */
  readOutputs(partitions: readonly PartitionInfo[]): AsyncIterable<readonly OutputBatch[]>;
  /** The positions on a topic, or on every topic (''), in no order. */
  positions(topic: string): Promise<readonly GroupPosition[]>;
  /** All groups, by name. */
  groups(): Promise<readonly GroupInfo[]>;
  /** The name by which the system knows an ingestor's group that reads a source. */
  groupOf(group: string, sourceTopic: string): string;
}

/** A reader that changes groups and topics as well. */
export interface TopicAdmin extends TopicReader {
  /**
   * Moves a position of a group that has no active member. A member of before is fenced.
   * @returns the position as it was; undefined when there is none
   * @throws PulsesError GROUP_ACTIVE, after which no further change may be asked of this reader; OFFSET_OUT_OF_RANGE when
   * the topic does not hold the offset
   */
  movePosition(position: PositionName, offset: number): Promise<GroupPosition | undefined>;
  /** Removes a position of a group that has no active member. Otherwise as `movePosition`. */
  deletePosition(position: PositionName): Promise<GroupPosition | undefined>;
  /** Resolves to false when there is no such group. @throws PulsesError GROUP_ACTIVE while it has a member */
  deleteGroup(group: string): Promise<boolean>;
  /** Waits until no other process publishes for the group. */
  openMarkedPublisher(options: MarkedPublisherOptions): Promise<MarkedPublisher>;
  /** Deletes the source and all outputs of Pulses; on a broker that serves nothing else, every topic. */
  deleteTopics(sourceTopic: string): Promise<void>;
  close(): void;
}
