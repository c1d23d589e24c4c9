import { nodeClock, nodeRandom } from '@pulses/shared-node-platform';
import { describeTools, type ToolsHarness } from '@pulses/testing-connector-conformance';
import { startKafka } from '@pulses/testing-services';
import { createJoinGroup } from '../group/join-group';
import { KafkaConnector } from '../kafka-connector';
import { prepareTopic, prepareTopics } from '../topics/prepare-topics';
import { topicsOf } from '../settings';
import { connectTestCluster } from '../testing/test-cluster';
import { KafkaTools } from './kafka-tools';

const PROPERTIES = { 'group.min.session.timeout.ms': '1000' };

async function startHarness(): Promise<ToolsHarness> {
  const server = await startKafka({ properties: PROPERTIES });
  const naming = {
    kafkaGroupedTopic: `${server.topicPrefix}.grouped`,
    kafkaAggregatedTopic: `${server.topicPrefix}.aggregated`,
    kafkaDeadLetterTopic: undefined,
  };
  const preparing = {
    clock: nodeClock,
    asker: { brokers: server.brokers, user: undefined },
    creates: true,
    shape: { partitions: 1, replication: 1, retentionMs: undefined },
  };
  return {
    createTools: () =>
      new KafkaTools({
        openCluster: () => connectTestCluster(server.brokers),
        ensureTopic: (cluster, topic, signal) => prepareTopic(cluster, topic, preparing, signal),
        clock: nodeClock,
        random: nodeRandom,
        naming,
        compression: 'none',
      }),
    createConnector: () =>
      new KafkaConnector({
        createCluster: () => connectTestCluster(server.brokers),
        joinGroup: createJoinGroup('classic'),
        prepareTopics: (cluster, source, signal) => prepareTopics(cluster, topicsOf(source, naming), preparing, signal),
        clock: nodeClock,
        heartbeatClock: nodeClock,
        random: nodeRandom,
        member: 'conformance',
        sessionTimeoutMs: 1_000,
        compression: 'lz4',
      }),
    close: () => server.stop(),
  };
}

describeTools('kafka', startHarness);
