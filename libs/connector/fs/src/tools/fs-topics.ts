// One connection to the broker, as the tools' reader and administrator.

import { brokerGroupOf, readBatches, readTopics, type BrokerClient } from '@pulses/broker-client';
import { columnsOf, type TopicInfo } from '@pulses/broker-wire';
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
import type { Clock } from '@pulses/shared-ports';
import { topicKindOf } from '@pulses/shared-pulse-model';
import { openFsMarkedPublisher } from './fs-marked-publisher';
import { changePosition } from './stored-position';

export class FsTopics implements TopicAdmin {
  readonly #client: BrokerClient;
  readonly #clock: Clock;
  readonly #member: string;

  /** @param member names this process among the members of a group */
  constructor(client: BrokerClient, clock: Clock, member: string) {
    this.#client = client;
    this.#clock = clock;
    this.#member = member;
  }

  topics(prefix: string): Promise<PartitionInfo[]> {
    return this.#client.listTopics(prefix);
  }

  async outputs(): Promise<OutputInfo[]> {
    return (await this.#client.listTopics('tenants.')).flatMap((info) => {
      const kind = topicKindOf(info.topic);
      return kind === 'grouped' || kind === 'aggregated' ? [{ ...info, kind }] : [];
    });
  }

  async partitions(topic: string): Promise<PartitionInfo[]> {
    const info = await this.#client.topic(topic);
    return info === undefined ? [] : [info];
  }

  read(
    { topic, incarnation }: Partition,
    { fromOffset, untilOffset, aheadBytes: creditBytes, signal }: ReadRange,
  ): AsyncIterable<readonly StoredBatch[]> {
    const range = { topic, incarnation, fromOffset, untilOffset, creditBytes };
    return readBatches(this.#client, signal === undefined ? range : { ...range, signal });
  }

  readOutputs(partitions: readonly PartitionInfo[]): AsyncIterable<readonly OutputBatch[]> {
    return readTopics(this.#client, partitions as readonly TopicInfo[]); // as `topics` and `outputs` answered them
  }

  positions(topic: string): Promise<readonly GroupPosition[]> {
    return this.#client.readPositions('', topic);
  }

  groups(): Promise<readonly GroupInfo[]> {
    return this.#client.listGroups();
  }

  groupOf(group: string, sourceTopic: string): string {
    return brokerGroupOf(group, sourceTopic);
  }

  movePosition(position: PositionName, offset: number): Promise<GroupPosition | undefined> {
    const { group, topic, name } = position;
    return this.#change(position, async ({ incarnation, revision }, groupEpoch) => {
      const positions = [{ name, expectedRevision: revision, offset, metadata: '' }];
      await this.#client.commit({ group, groupEpoch, topic, incarnation, positions, ...columnsOf([]) });
    });
  }

  deletePosition(position: PositionName): Promise<GroupPosition | undefined> {
    const { group, topic, name } = position;
    return this.#change(position, ({ incarnation, revision }, groupEpoch) =>
      this.#client.deletePosition({ group, groupEpoch, topic, incarnation, name, expectedRevision: revision }),
    );
  }

  deleteGroup(group: string): Promise<boolean> {
    return this.#client.deleteGroup(group);
  }

  openMarkedPublisher(options: MarkedPublisherOptions): Promise<MarkedPublisher> {
    return openFsMarkedPublisher(this.#client, this.#clock, this.#member, options);
  }

  async deleteTopics(): Promise<void> {
    await this.#client.deleteAllTopics();
  }

  close(): void {
    this.#client.close();
  }

  #change(position: PositionName, change: Parameters<typeof changePosition>[4]): Promise<GroupPosition | undefined> {
    return changePosition(this.#client, this.#clock, this.#member, position, change);
  }
}
