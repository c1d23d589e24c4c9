// The same source on every system: the same grouped lines and sums for each tenant, and the same dead letters.

import { afterEach, describe, expect, it } from '@jest/globals';
import { startApp, stopAll } from '@pulses/testing-processes';
import { startKafka } from '@pulses/testing-services';
import { NatsLink, startNatsSystem, startSystem } from '@pulses/testing-system';
import { KafkaSystem } from './testing/kafka-system';
import { expectedValues, mixedSource, type MixedSource } from './testing/mixed-source';
import {
  readBrokerFiles,
  readKafkaTopics,
  readNatsStreams,
  settledOutputs,
  valuesOf,
  type OutputValues,
} from './testing/output-values';

const LIMIT_MS = 180_000;
const PARTITIONS = 3;
const ingestorArgs = ['--flush-interval=1s'];

async function produce(source: MixedSource, topic: string, flags: readonly string[]): Promise<void> {
  const app = startApp({ app: 'cli', args: ['produce', topic, ...flags] });
  app.stdin.end(source.text);
  expect({ ...(await app.exited), stderr: app.stderr }).toEqual({ code: 0, signal: null, stderr: '' });
}

async function onBroker(source: MixedSource): Promise<OutputValues> {
  const system = await startSystem({ ingestorArgs });
  try {
    await produce(source, 'source.pulses', [`--port=${system.port}`]);
    const endWriters = async () => {
      await system.ingestor.stop();
      await system.broker.stop();
    };
    return valuesOf(await settledOutputs(() => readBrokerFiles(system.dataDir), source, endWriters));
  } finally {
    await system.stop();
  }
}

async function onKafka(source: MixedSource): Promise<OutputValues> {
  const kafka = await startKafka({});
  const system = await KafkaSystem.open(kafka, { partitions: PARTITIONS });
  try {
    const { brokers } = kafka;
    const { app } = await system.startIngestor();
    await produce(source, system.topics.source, ['--connector=kafka', `--kafka-brokers=${brokers}`]);
    return valuesOf(
      await settledOutputs(
        () => readKafkaTopics(brokers, system.topics),
        source,
        () => app.stop(),
      ),
    );
  } finally {
    await system.close();
    await kafka.stop();
  }
}

async function onNats(source: MixedSource): Promise<OutputValues> {
  const system = await startNatsSystem({ ingestorArgs });
  try {
    await system.ingestor.waitForReady();
    await produce(source, 'source.pulses', ['--connector=nats', `--nats-url=${system.server.url}`]);
    const link = await NatsLink.open(system.server.url);
    const lines = await settledOutputs(
      () => readNatsStreams(link),
      source,
      () => system.ingestor.stop(),
    );
    await link.close();
    return valuesOf(lines);
  } finally {
    await system.stop();
  }
}

describe('one source', () => {
  afterEach(stopAll);

  it(
    'gives the same values on the broker, on Kafka and on NATS',
    async () => {
      const source = mixedSource({ messages: 400, seed: 1 });
      const [broker, kafka, nats] = await Promise.all([onBroker(source), onKafka(source), onNats(source)]);
      expect(broker).toEqual(expectedValues(source));
      expect(kafka).toEqual(broker);
      expect(nats).toEqual(broker);
    },
    LIMIT_MS,
  );
});
