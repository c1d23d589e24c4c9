// A real Kafka for the connector suite.

import type { Connection } from '@platformatic/kafka';
import type { BrokerCluster } from '../protocol/broker-cluster';
import { nodeClock, nodeRandom } from '@pulses/shared-node-platform';
import { deadLetterTopic } from '@pulses/shared-pulse-model';
import type { ConnectorHarness } from '@pulses/testing-connector-conformance';
import { kafkaAdmin, readTopic, startKafka } from '@pulses/testing-services';
import { createSimClock } from '@pulses/testing-sim';
import { createJoinGroup, type GroupProtocol } from '../group/join-group';
import { KafkaConnector } from '../kafka-connector';
import { tenantKey } from '../output/tenant-keys';
import type { Cluster } from '../protocol/cluster';
import { produce } from '../protocol/produce';
import { endTransaction, initProducerId } from '../protocol/transaction-requests';
import { BatchWriter, type BatchProducer } from '../records/batch-writer';
import { prepareTopics } from '../topics/prepare-topics';
import { connectTestCluster } from './test-cluster';

/** Sessions end soon after the last sign of life, but not while a busy machine pauses this process. */
const GROUP_PROPERTIES = {
  'group.consumer.min.session.timeout.ms': '1000',
  'group.consumer.session.timeout.ms': '3000',
  'group.consumer.min.heartbeat.interval.ms': '100',
  'group.consumer.heartbeat.interval.ms': '250',
  'group.min.session.timeout.ms': '1000',
};
const SESSION_TIMEOUT_MS = 3_000;
const GROUPED_TOPIC = 'tenants.grouped.pulses';
const AGGREGATED_TOPIC = 'tenants.aggregated.pulses.amount';

/** @param messages each in a record of its own */
function batchOf(messages: readonly Uint8Array[], producer: BatchProducer | undefined): Buffer {
  const writer = new BatchWriter(64 << 20);
  for (const message of messages) writer.append(undefined, Buffer.from(message), 0, message.length);
  return writer.finish({ compression: 'zstd', timestampMs: 1, producer });
}

export async function startKafkaHarness(protocol: GroupProtocol): Promise<ConnectorHarness> {
  const kafka = await startKafka({ properties: GROUP_PROPERTIES });
  let admin = await kafkaAdmin(kafka.brokers);
  const cluster = connectTestCluster(kafka.brokers);
  const connections = new Set<Connection>();

  const topicOf = async (topic: string, partitions: number) => {
    const known = await cluster.topic(topic);
    if (known !== undefined && known.partitions.every(({ leader }) => leader >= 0)) return known;
    if (known === undefined) await admin.createTopic(topic, { partitions });
    for (;;) {
      const made = await cluster.topic(topic);
      if (made?.partitions.every(({ leader }) => leader >= 0) === true) return made;
    }
  };
  const prepare = (client: Cluster, source: string, signal: AbortSignal) =>
    prepareTopics(
      client,
      { source, grouped: GROUPED_TOPIC, aggregated: AGGREGATED_TOPIC, deadLetter: deadLetterTopic(source) },
      {
        clock: nodeClock,
        asker: { brokers: kafka.brokers, user: undefined },
        creates: true,
        shape: { partitions: 1, replication: 1, retentionMs: undefined },
      },
      signal,
    );
  const connectorOf = (heartbeatClock = nodeClock) =>
    new KafkaConnector({
      createCluster: () => connectTestCluster(kafka.brokers, {}, (connection) => connections.add(connection)),
      joinGroup: createJoinGroup(protocol),
      prepareTopics: prepare,
      clock: nodeClock,
      heartbeatClock,
      random: nodeRandom,
      member: 'conformance',
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      compression: 'lz4',
    });

  return {
    createConnector: () => connectorOf(),
    // On a clock that stands still no heartbeat is ever sent.
    createPausedConnector: () => connectorOf(createSimClock()),
    createPartitions: async (topic, count) => {
      await topicOf(topic, count);
    },
    async publish(topic, messages, partition = 0) {
      await topicOf(topic, 1);
      if (messages.length === 0) return;
      const options = { transactionalId: undefined, version: 9, timeoutMs: 5_000 } as const;
      await cluster.toLeader(
        topic,
        partition,
        produce([{ topic, partition, batch: batchOf(messages, undefined) }], options),
      );
    },
    async skipOffsets(topic) {
      await topicOf(topic, 1);
      await abortTransaction(cluster, topic);
      return true;
    },
    async output(sourceTopic, stream) {
      const { brokers } = kafka;
      if (stream.kind === 'deadLetters')
        return textsOf(await readTopic({ brokers, topic: deadLetterTopic(sourceTopic) }));
      const topic = stream.kind === 'grouped' ? GROUPED_TOPIC : AGGREGATED_TOPIC;
      const records = await readTopic({ brokers, topic });
      return textsOf(records.filter(({ key }) => key?.equals(tenantKey(stream.tenant)) === true));
    },
    deleteSource: (topic) => admin.deleteTopic(topic),
    cutConnections() {
      for (const { socket } of connections) socket.destroy();
      connections.clear();
      return Promise.resolve();
    },
    async restart() {
      await kafka.restart();
      await admin.close();
      admin = await kafkaAdmin(kafka.brokers);
    },
    async close() {
      await cluster.close();
      await admin.close();
      await kafka.stop();
    },
  };
}

async function abortTransaction(cluster: BrokerCluster, topic: string): Promise<void> {
  const id = `aborts-${topic}`;
  const producer = await cluster.toCoordinator('transaction', id, initProducerId(id, 10_000));
  const batch = batchOf([Buffer.from('taken back')], { ...producer, sequence: 0, isTransactional: true });
  const options = { transactionalId: id, version: 12, timeoutMs: 5_000 } as const;
  await cluster.toLeader(topic, 0, produce([{ topic, partition: 0, batch }], options));
  await cluster.toCoordinator('transaction', id, endTransaction(2, id, producer, false));
}

function textsOf(records: readonly { readonly value: Buffer | null }[]): string[] {
  return records.map(({ value }) => value?.toString() ?? '');
}
