// One set of connections to a cluster, as the tools' reader and administrator.
//
// Guarantees: reads what is committed. Bounds: `ASKED_AT_ONCE` requests for offsets at a time.

import type {
  GroupInfo,
  GroupPosition,
  MarkedPublisher,
  MarkedPublisherOptions,
  OutputBatch,
  OutputInfo,
  Partition,
  PartitionInfo,
  PositionName,
  ReadRange,
  StoredBatch,
  TopicAdmin,
} from '@pulses/connector-api';
import { delay, mapConcurrent } from '@pulses/shared-async';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { aggregatedTopic, groupedTopic } from '@pulses/shared-pulse-model';
import type { Clock, Random } from '@pulses/shared-ports';
import type { Cluster } from '../protocol/cluster';
import { listOffset } from '../protocol/offset-requests';
import type { KafkaTopic } from '../protocol/topic-metadata';
import { topicsOf, type KafkaTopics as TopicNames, type KafkaSettings } from '../settings';
import { deleteTopics, topicNames } from './admin-requests';
import { GroupAdmin } from './group-admin';
import type { Compression } from '../records/compression';
import { incarnationOf } from '../source/incarnation';
import { openKafkaMarkedPublisher } from './marked-publisher';
import { readPartition } from './partition-reading';
import { encodedKey, physicalTopic } from './topic-names';

const ASKED_AT_ONCE = 16;
const DELETE_MS_MAX = 30_000;
/** While a topic is made or deleted, brokers disagree for some milliseconds whether it exists. */
const SETTLE_ATTEMPTS_MAX = 50;
const SETTLE_MS = 100;
const OUTPUT_AHEAD_BYTES = 1024 * 1024;

/** The settings that name topics. */
export type NamingSettings = Pick<KafkaSettings, 'kafkaGroupedTopic' | 'kafkaAggregatedTopic' | 'kafkaDeadLetterTopic'>;

/** What publishing needs. */
export interface PublishingPlatform {
  readonly clock: Clock;
  readonly random: Random;
  readonly compression: Compression;
}

export class KafkaTopicAdmin implements TopicAdmin {
  readonly #cluster: Cluster;
  readonly #naming: NamingSettings;
  readonly #platform: PublishingPlatform;
  readonly #groups: GroupAdmin;

  constructor(cluster: Cluster, naming: NamingSettings, platform: PublishingPlatform) {
    this.#cluster = cluster;
    this.#naming = naming;
    this.#platform = platform;
    this.#groups = new GroupAdmin(cluster);
  }

  async topics(prefix: string): Promise<PartitionInfo[]> {
    const names = await this.#cluster.toAny(topicNames());
    const wanted = names.filter((name) => name.startsWith(prefix)).sort();
    const found = await mapConcurrent(wanted, ASKED_AT_ONCE, (name) => this.#partitionsOf(name, name));
    return found.flat();
  }

  async outputs(): Promise<OutputInfo[]> {
    const names = this.#names('');
    const found: OutputInfo[] = [];
    for (const kind of ['grouped', 'aggregated'] as const)
      for (const info of await this.#partitionsOf(names[kind], names[kind]))
        found.push({ ...info, isShared: true, kind });
    return found;
  }

  partitions(topic: string): Promise<PartitionInfo[]> {
    return this.#partitionsOf(topic, physicalTopic(topic, this.#names('')).topic);
  }

  async *read(
    { topic: name, partition = 0, incarnation }: Partition,
    range: ReadRange,
  ): AsyncGenerator<readonly StoredBatch[], void> {
    const { topic: physical, key } = physicalTopic(name, this.#names(''));
    const topic = await this.#cluster.topic(physical);
    if (topic === undefined || (incarnation !== '' && incarnation !== incarnationOf(topic.topicId, partition)))
      throw new PulsesError('TOPIC_UNKNOWN', `the topic '${physical}' was deleted`);
    const reading = { cluster: this.#cluster, topic, partition, key, range };
    for await (const runs of readPartition(reading)) yield runs.map(({ run }) => run);
  }

  async *readOutputs(partitions: readonly PartitionInfo[]): AsyncGenerator<readonly OutputBatch[], void> {
    for (const info of partitions) {
      const { startOffset: fromOffset, nextOffset: untilOffset } = info;
      const range = { fromOffset, untilOffset, aheadBytes: OUTPUT_AHEAD_BYTES };
      if (info.isShared === true) yield* this.#readShared(info, range);
      else for await (const batches of this.read(info, range)) yield batches.map((batch) => ({ topic: info, batch }));
    }
  }

  positions(topic: string): Promise<readonly GroupPosition[]> {
    return this.#groups.positions(topic);
  }

  groups(): Promise<readonly GroupInfo[]> {
    return this.#groups.groups();
  }

  groupOf(group: string): string {
    return group;
  }

  movePosition(position: PositionName, offset: number): Promise<GroupPosition | undefined> {
    return this.#groups.movePosition(position, offset);
  }

  deletePosition(position: PositionName): Promise<GroupPosition | undefined> {
    return this.#groups.deletePosition(position);
  }

  deleteGroup(group: string): Promise<boolean> {
    return this.#groups.deleteGroup(group);
  }

  async openMarkedPublisher(options: MarkedPublisherOptions): Promise<MarkedPublisher> {
    const { group, marked, topic } = options;
    const published = await this.#cluster.topic(topic);
    if (published === undefined) throw new PulsesError('TOPIC_UNKNOWN', `topic ${topic} does not exist`);
    return await openKafkaMarkedPublisher({
      ...options,
      ...this.#platform,
      cluster: this.#cluster,
      partitionCount: published.partitions.length,
      readPositions: async () =>
        (await this.positions(marked.topic)).filter(
          (stored) => stored.group === group && stored.incarnation === marked.incarnation,
        ),
    });
  }

  async deleteTopics(sourceTopic: string): Promise<void> {
    const { source, grouped, aggregated, deadLetter } = this.#names(sourceTopic);
    const there = [];
    for (const name of [source, grouped, aggregated, deadLetter])
      if ((await this.#cluster.topic(name)) !== undefined) there.push(name);
    if (there.length > 0) await this.#cluster.toController(deleteTopics(there, DELETE_MS_MAX));
  }

  close(): void {
    void this.#cluster.close();
  }

  /** A run of each tenant, under the tenant's own topic. */
  async *#readShared(info: PartitionInfo, range: ReadRange): AsyncGenerator<readonly OutputBatch[], void> {
    const topic = await this.#cluster.topic(info.topic);
    const { partition = 0 } = info;
    if (topic === undefined || info.incarnation !== incarnationOf(topic.topicId, partition))
      throw new PulsesError('TOPIC_UNKNOWN', `the topic '${info.topic}' was deleted`);
    const nameOf = info.topic === this.#names('').grouped ? groupedTopic : aggregatedTopic;
    const infos = new Map<string, PartitionInfo>();
    const infoOf = (key: Buffer | undefined) => {
      const tenant = key?.toString('latin1') ?? '';
      let found = infos.get(tenant);
      if (found === undefined) {
        // A record without a key is no output of ours; it is judged under the name of the topic itself.
        const name = key === undefined ? info.topic : nameOf(encodedKey(key));
        infos.set(tenant, (found = { ...info, topic: name }));
      }
      return found;
    };
    const reading = { cluster: this.#cluster, topic, partition, key: undefined, splitsByKey: true, range };
    for await (const runs of readPartition(reading))
      yield runs.map(({ key, run }) => ({ topic: infoOf(key), batch: run }));
  }

  #names(sourceTopic: string): TopicNames {
    return topicsOf(sourceTopic, this.#naming);
  }

  /** @param name the name that the caller uses */
  async #partitionsOf(name: string, physical: string): Promise<PartitionInfo[]> {
    for (let attempt = 1; ; attempt += 1) {
      const topic = await this.#cluster.topic(physical);
      if (topic === undefined) return [];
      try {
        return await mapConcurrent(topic.partitions, ASKED_AT_ONCE, ({ partition }) =>
          this.#infoOf(name, topic, partition),
        );
      } catch (error) {
        if (!isPulsesError(error, 'TOPIC_UNKNOWN') || attempt === SETTLE_ATTEMPTS_MAX) throw error;
        await delay(SETTLE_MS, this.#platform.clock, new AbortController().signal);
      }
    }
  }

  async #infoOf(name: string, topic: KafkaTopic, partition: number): Promise<PartitionInfo> {
    const ask = (kind: 'earliest' | 'committed end') =>
      this.#cluster.toLeader(topic.name, partition, listOffset(topic.name, partition, kind));
    const startOffset = await ask('earliest');
    const nextOffset = await ask('committed end');
    return {
      topic: name,
      partition,
      incarnation: incarnationOf(topic.topicId, partition),
      startOffset,
      nextOffset,
    };
  }
}
