// Topics of a Kafka for tests.

import type { AdminOptions } from '@platformatic/kafka';
import { until } from '@pulses/testing-processes';
import { randomUUID } from 'node:crypto';

export interface TopicOptions {
  readonly partitions?: number;
  readonly replicas?: number;
  /** Settings of the topic, such as `cleanup.policy`. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface KafkaAdmin {
  /** Resolves once every partition has a leader. */
  createTopic(topic: string, options?: TopicOptions): Promise<void>;
  /** Resolves once the topic is gone, so that its name is free. */
  deleteTopic(topic: string): Promise<void>;
  /** @param total number of partitions afterwards */
  addPartitions(topic: string, total: number): Promise<void>;
  /** Leaders of the topic's partitions, by partition. */
  leaders(topic: string): Promise<number[]>;
  topics(): Promise<string[]>;
  close(): Promise<void>;
}

/** @param security of a listener other than PLAINTEXT */
export async function kafkaAdmin(
  brokers: string,
  security: Pick<AdminOptions, 'sasl' | 'tls'> = {},
): Promise<KafkaAdmin> {
  // Suites that use other servers need not load it.
  const { Admin } = await import('@platformatic/kafka');
  const admin = new Admin({
    clientId: `test-${randomUUID()}`,
    bootstrapBrokers: brokers.split(','),
    // A new topic has no leader at once.
    retries: 100,
    retryDelay: 50,
    ...security,
  });
  const partitionsOf = async (topic: string) => {
    const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true, autocreateTopics: false });
    return topics.get(topic)?.partitions ?? [];
  };
  return {
    async createTopic(topic, { partitions = 1, replicas = 1, settings = {} } = {}) {
      const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
      await admin.createTopics({ topics: [topic], partitions, replicas, configs });
      await partitionsOf(topic);
    },
    async deleteTopic(topic) {
      await admin.deleteTopics({ topics: [topic] });
      await until(async () => !(await admin.listTopics()).includes(topic));
    },
    async addPartitions(topic, total) {
      await admin.createPartitions({ topics: [{ name: topic, count: total }] });
      await until(async () => (await partitionsOf(topic)).length >= total);
    },
    leaders: async (topic) => (await partitionsOf(topic)).map(({ leader }) => leader),
    topics: () => admin.listTopics(),
    close: () => admin.close(),
  };
}
