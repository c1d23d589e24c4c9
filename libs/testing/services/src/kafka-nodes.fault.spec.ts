import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@pulses/testing-processes';
import { readFile } from 'node:fs/promises';
import { kafkaAdmin, readTopic, startKafka, writeLines, type KafkaAdmin, type KafkaServer } from '.';

// Three nodes take as much CPU time as all other specs of this project, and only suites of `fault` use them.
describe('a Kafka of three nodes', () => {
  let kafka: KafkaServer;
  let admin: KafkaAdmin;

  beforeAll(async () => {
    kafka = await startKafka({ nodes: 3 });
    admin = await kafkaAdmin(kafka.brokers);
  });
  afterAll(async () => {
    await admin.close();
    await kafka.stop();
  });

  it('has a leader, and all that was written, when one is gone', async () => {
    await admin.createTopic('replicated', { replicas: 3 });
    await writeLines({ brokers: kafka.brokers, topic: 'replicated' }, ['kept']);
    const [leader] = await admin.leaders('replicated');
    await kafka.nodes.find(({ id }) => id === leader)?.kill();
    await until(async () => (await admin.leaders('replicated'))[0] !== leader);
    const texts = async () =>
      (await readTopic({ brokers: kafka.brokers, topic: 'replicated' })).map(({ value }) => String(value));
    // A new leader learns from its followers what is committed.
    await until(async () => (await texts()).join() === 'kept');
    expect(await texts()).toEqual(['kept']);
  });
});

// Not in the suites of every day, since it collects further jars.
it('a Kafka of an older release runs it', async () => {
  const kafka = await startKafka({ version: '4.2.2' });
  try {
    // The folder of the jars and the image name the release.
    expect(await readFile(`/proc/${kafka.nodes[0]?.pid}/cmdline`, 'utf8')).toContain('4.2.2');
  } finally {
    await kafka.stop();
  }
});
