// Which broker is asked, against real ones.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { kafkaAdmin, startKafka, type KafkaAdmin, type KafkaServer } from '@pulses/testing-services';
import { connectTestCluster } from '../testing/test-cluster';
import type { BrokerCluster } from './broker-cluster';
import { fetch } from './fetch';
import { listOffset } from './offset-requests';

const LIMIT_MS = 120_000;

describe('a cluster', () => {
  let kafka: KafkaServer;
  let admin: KafkaAdmin;
  let cluster: BrokerCluster;

  beforeAll(async () => {
    kafka = await startKafka();
    admin = await kafkaAdmin(kafka.brokers);
    cluster = connectTestCluster(kafka.brokers);
  }, LIMIT_MS);
  afterAll(async () => {
    await cluster.close();
    await admin.close();
    await kafka.stop();
  });

  const endOf = (topic: string, partition: number) =>
    cluster.toLeader(topic, partition, listOffset(topic, partition, 'committed end'));

  it('tells of a topic that does not exist, and makes none', async () => {
    const topic = `${kafka.topicPrefix}-none`;
    expect(await cluster.topic(topic)).toBeUndefined();
    await expect(endOf(topic, 0)).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' });
    expect(await admin.topics()).not.toContain(topic);
  });

  it('asks the leader of a partition that was added meanwhile', async () => {
    const topic = `${kafka.topicPrefix}-grows`;
    await admin.createTopic(topic);
    expect(await endOf(topic, 0)).toBe(0);
    await admin.addPartitions(topic, 3);
    expect(await endOf(topic, 2)).toBe(0);
  });

  it('reads no other topic of the same name, and nothing outside of it', async () => {
    const topic = `${kafka.topicPrefix}-id`;
    await admin.createTopic(topic);
    const made = await cluster.topic(topic);
    const ask = (topicId: string, offset: number) =>
      cluster.toLeader(
        topic,
        0,
        fetch({ topic: { name: topic, topicId }, partition: 0, offset, waitMs: 1, bytesMax: 1 }),
      );
    await expect(ask('1'.repeat(32), 0)).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' });
    await expect(ask(made?.topicId ?? '', 9)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    expect((await ask(made?.topicId ?? '', 0)).lastStableOffset).toBe(0);
  });

  it('rejects what comes after its close', async () => {
    const other = connectTestCluster(kafka.brokers);
    await other.topic(`${kafka.topicPrefix}-id`);
    await other.close();
    await expect(other.topic(`${kafka.topicPrefix}-id`)).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });
});
