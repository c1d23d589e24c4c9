// Connectors and tools on a Kafka for tests, with output topics of their own.

import { nodeClock, nodeRandom } from '@pulses/shared-node-platform';
import type { KafkaServer } from '@pulses/testing-services';
import { createJoinGroup } from '../group/join-group';
import { KafkaConnector, type KafkaConnectorOptions } from '../kafka-connector';
import type { Cluster } from '../protocol/cluster';
import { topicsOf } from '../settings';
import { KafkaTools } from '../tools/kafka-tools';
import { prepareTopic, prepareTopics } from '../topics/prepare-topics';
import { connectTestCluster } from './test-cluster';

export interface TestParts {
  /** Of all sources. */
  readonly groupedTopic: string;
  /** Makes the topics of a source that are missing. */
  prepare(cluster: Cluster, source: string, signal: AbortSignal): ReturnType<typeof prepareTopics>;
  createConnector(options: Pick<KafkaConnectorOptions, 'member' | 'sessionTimeoutMs' | 'compression'>): KafkaConnector;
  createTools(): KafkaTools;
}

/** @param partitions of a topic that is made */
export function testPartsOn({ brokers, topicPrefix }: KafkaServer, partitions: number): TestParts {
  const naming = {
    kafkaGroupedTopic: `${topicPrefix}.grouped`,
    kafkaAggregatedTopic: `${topicPrefix}.aggregated`,
    kafkaDeadLetterTopic: undefined,
  };
  const preparing = {
    clock: nodeClock,
    asker: { brokers, user: undefined },
    creates: true,
    shape: { partitions, replication: 1, retentionMs: undefined },
  };
  const prepare: TestParts['prepare'] = (cluster, source, signal) =>
    prepareTopics(cluster, topicsOf(source, naming), preparing, signal);
  return {
    groupedTopic: naming.kafkaGroupedTopic,
    prepare,
    createConnector: (options) =>
      new KafkaConnector({
        createCluster: () => connectTestCluster(brokers),
        joinGroup: createJoinGroup('classic'),
        prepareTopics: prepare,
        clock: nodeClock,
        heartbeatClock: nodeClock,
        random: nodeRandom,
        ...options,
      }),
    createTools: () =>
      new KafkaTools({
        openCluster: () => connectTestCluster(brokers),
        ensureTopic: (cluster, topic, signal) => prepareTopic(cluster, topic, preparing, signal),
        clock: nodeClock,
        random: nodeRandom,
        naming,
        compression: 'none',
      }),
  };
}
