// The check of topics against real brokers.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { nodeClock } from '@pulses/shared-node-platform';
import { kafkaAdmin, startKafka, type KafkaAdmin, type KafkaServer } from '@pulses/testing-services';
import type { BrokerCluster } from '../protocol/broker-cluster';
import type { KafkaTopics } from '../settings';
import { connectTestCluster } from '../testing/test-cluster';
import { prepareTopics, type PrepareOptions } from './prepare-topics';

const LIMIT_MS = 120_000;
const SETTINGS = { 'message.timestamp.type': 'LogAppendTime', 'cleanup.policy': 'delete' };
const { signal } = new AbortController();

function all<Part>(topics: Readonly<Record<keyof KafkaTopics, Part>>): Part[] {
  return [topics.source, topics.grouped, topics.aggregated, topics.deadLetter];
}

describe('the check of topics', () => {
  let server: KafkaServer;
  let admin: KafkaAdmin;
  let cluster: BrokerCluster;
  let sources = 0;

  beforeAll(async () => {
    server = await startKafka();
    admin = await kafkaAdmin(server.brokers);
    cluster = connectTestCluster(server.brokers);
  }, LIMIT_MS);
  afterAll(async () => {
    await cluster.close();
    await admin.close();
    await server.stop();
  });

  function fresh(): KafkaTopics {
    const source = `${server.topicPrefix}-prepare-${(sources += 1)}`;
    return { source, grouped: `${source}.g`, aggregated: `${source}.a`, deadLetter: `${source}.dead-letter` };
  }

  const prepare = (topics: KafkaTopics, options: Partial<PrepareOptions> = {}) =>
    prepareTopics(
      cluster,
      topics,
      {
        clock: nodeClock,
        asker: { brokers: server.brokers, user: undefined },
        creates: false,
        shape: { partitions: 2, replication: 1, retentionMs: undefined },
        ...options,
      },
      signal,
    );

  it('creates what is missing when it may, and finds it again', async () => {
    const topics = fresh();
    const made = await prepare(topics, { creates: true });
    expect(all(made).map(({ name, partitions }) => [name, partitions.length])).toEqual(
      all(topics).map((name) => [name, 2]),
    );
    expect(new Set(all(made).map(({ topicId }) => topicId)).size).toBe(4);
    expect(made.source.topicId).toMatch(/^[\da-f]{32}$/);
    expect(await prepare(topics)).toEqual(made);
    expect(await prepare(topics, { creates: true })).toEqual(made);
  });

  it('creates topics once for members that start together', async () => {
    const topics = fresh();
    const [first, ...others] = await Promise.all([1, 2, 3].map(() => prepare(topics, { creates: true })));
    expect(others).toEqual([first, first]);
  });

  it('gives another incarnation after a deletion', async () => {
    const topics = fresh();
    const { source } = await prepare(topics, { creates: true });
    await admin.deleteTopic(topics.source);
    await expect(prepare(topics)).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' });
    expect((await prepare(topics, { creates: true })).source.topicId).not.toBe(source.topicId);
  });

  it('names what is missing, with the command that makes it', async () => {
    const topics = fresh();
    await admin.createTopic(topics.source, { settings: SETTINGS });
    await expect(prepare(topics)).rejects.toMatchObject({
      code: 'TOPIC_UNKNOWN',
      message: expect.stringMatching(
        new RegExp(
          `no topic ${topics.grouped}, ${topics.aggregated}, ${topics.deadLetter}; --kafka-create-topics .*` +
            `'kafka-topics.sh --bootstrap-server ${server.brokers} --create --topic ${topics.grouped} `,
        ),
      ),
    });
  });

  it.each([
    ['message.timestamp.type', 'CreateTime', 'LogAppendTime'],
    ['cleanup.policy', 'compact', 'delete'],
    ['min.insync.replicas', '2', '1'],
    ['unclean.leader.election.enable', 'true', 'false'],
  ])('refuses a source with %s=%s, with the command that mends it', async (setting, value, needed) => {
    const topics = fresh();
    await admin.createTopic(topics.source, { settings: { ...SETTINGS, [setting]: value } });
    await expect(prepare(topics, { creates: true })).rejects.toMatchObject({
      code: 'LOG_UNSUITABLE',
      message: expect.stringMatching(
        new RegExp(
          `the topic ${topics.source}: ${setting} is ${value} and has to be ${needed}: .* --entity-name ` +
            `${topics.source} --add-config ${setting}=${needed}' mends it$`,
        ),
      ),
    });
  });

  it('refuses an output that is compacted', async () => {
    const topics = fresh();
    await admin.createTopic(topics.aggregated, { settings: { 'cleanup.policy': 'compact' } });
    await expect(prepare(topics, { creates: true })).rejects.toMatchObject({
      code: 'LOG_UNSUITABLE',
      message: expect.stringContaining(`the topic ${topics.aggregated}: cleanup.policy is compact`),
    });
  });

  it('names the flag when there are too few brokers', async () => {
    const shape = { partitions: 1, replication: 9, retentionMs: undefined };
    await expect(prepare(fresh(), { creates: true, shape })).rejects.toMatchObject({
      code: 'LOG_UNSUITABLE',
      message: expect.stringMatching(/^--kafka-replication: '9' is not valid: /),
    });
  });

  it('names the flag when Kafka takes no topic of that name', async () => {
    await expect(prepare({ ...fresh(), source: 'a b' }, { creates: true })).rejects.toMatchObject({
      code: 'LOG_UNSUITABLE',
      message: expect.stringMatching(/^--source-topic: 'a b' is not valid/),
    });
  });
});
