// Transactions and the reading of committed messages against real brokers. The outside reader is kcat, on librdkafka.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { nodeClock, nodeRandom } from '@pulses/shared-node-platform';
import { PulsesError } from '@pulses/shared-errors';
import { kafkaAdmin, readTopic, startKafka, type KafkaAdmin, type KafkaServer } from '@pulses/testing-services';
import type { BrokerCluster } from '../protocol/broker-cluster';
import { fetchOffsets } from '../protocol/offset-requests';
import type { ProducerIdentity, TransactionVersion } from '../protocol/transaction-requests';
import { BatchWriter } from '../records/batch-writer';
import { PartitionReader } from '../source/partition-reader';
import { RecordsDecoder } from '../source/records-decoder';
import { connectTestCluster } from '../testing/test-cluster';
import { KafkaTransactionRequests } from './kafka-transaction-requests';
import { Transactions, type TransactionRequests, type TransactionWork } from './transactions';

const LIMIT_MS = 120_000;
const NO_GROUP = {
  identity: () => ({ memberId: '', generation: -1 }),
  rebalanced: () => Promise.reject(new PulsesError('FENCED')),
};

describe('transactions on a real Kafka', () => {
  let kafka: KafkaServer;
  let admin: KafkaAdmin;
  let cluster: BrokerCluster;
  let names = 0;

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

  async function freshTopic(): Promise<string> {
    names += 1;
    const topic = `${kafka.topicPrefix}-transactions-${names}`;
    await admin.createTopic(topic);
    return topic;
  }

  const requestsOf = (topic: string, version: TransactionVersion = 2) =>
    new KafkaTransactionRequests({
      cluster,
      clock: nodeClock,
      random: nodeRandom,
      transactionalId: topic,
      version,
      membership: { group: topic, ...NO_GROUP },
      timeoutMs: 15_000,
      lane: 'commit-0',
    });

  function batchOf(lines: readonly string[], producer: ProducerIdentity, sequence = 0): Buffer {
    const writer = new BatchWriter(1 << 20);
    for (const line of lines) writer.append(undefined, Buffer.from(line), 0, Buffer.byteLength(line));
    const numbered = { ...producer, sequence, isTransactional: true };
    return writer.finish({ compression: 'none', timestampMs: 1, producer: numbered });
  }

  /** Lines, and the position behind them. */
  const workOf = (topic: string, lines: readonly string[], offset: number): TransactionWork => ({
    batches(number) {
      const { sequence, ...producer } = number(topic, 0, lines.length);
      return [[{ topic, partition: 0, batch: batchOf(lines, producer, sequence) }]];
    },
    offsets: [{ group: topic, offsets: [{ topic, partition: 0, offset, metadata: `at ${offset}` }] }],
  });

  const positionOf = async (topic: string) =>
    (await cluster.toCoordinator('group', topic, fetchOffsets(topic, topic, [0]))).get(0);

  /** What our reader sees of a topic, in fetches of few bytes, and what kcat sees. */
  async function linesOf(topic: string, bytesMax = 64 * 1024): Promise<{ ours: string[]; kcat: string[] }> {
    const { signal } = new AbortController();
    const made = await cluster.topic(topic);
    if (made === undefined) throw new Error(`no topic ${topic}`);
    const reader = new PartitionReader({ cluster, topic: made, partition: 0, bytesMax, fromOffset: 0, signal });
    const decoder = new RecordsDecoder();
    const ours: string[] = [];
    for (;;) {
      const step = await reader.next();
      if (step.kind === 'end') break;
      for (const piece of decoder.decode(step.batch, 0, topic)) {
        if (piece.kind !== 'run') continue;
        let { start } = piece;
        for (const end of piece.ends) {
          ours.push(decoder.bytes.subarray(start, end).toString());
          start = end;
        }
      }
    }
    const records = await readTopic({ brokers: kafka.brokers, topic });
    return { ours, kcat: records.map(({ value }) => String(value)) };
  }

  it.each([1, 2] as const)(
    'of version %i store lines and the position with its metadata in one step',
    async (version) => {
      const topic = await freshTopic();
      const transactions = new Transactions(requestsOf(topic, version));
      await transactions.start();
      for (let round = 0; round < 5; round += 1)
        await transactions.run(workOf(topic, [`${round}a`, `${round}b`], 2 * round + 2));
      const expected = [0, 1, 2, 3, 4].flatMap((round) => [`${round}a`, `${round}b`]);
      expect(await linesOf(topic)).toEqual({ ours: expected, kcat: expected });
      expect(await positionOf(topic)).toEqual({ offset: 10, metadata: 'at 10' });
    },
  );

  it('that a killed process has left open are undone by the next holder', async () => {
    const topic = await freshTopic();
    const killed = requestsOf(topic);
    const producer = await killed.identify();
    await killed.produce(producer, [{ topic, partition: 0, batch: batchOf(['lost'], producer) }]);
    await killed.commitOffsets(producer, workOf(topic, [], 1).offsets[0]!); // it has one
    const next = new Transactions(requestsOf(topic));
    await next.start();
    expect(await positionOf(topic)).toBeUndefined();
    await next.run(workOf(topic, ['kept'], 7));
    expect(await linesOf(topic)).toEqual({ ours: ['kept'], kcat: ['kept'] });
    expect(await positionOf(topic)).toEqual({ offset: 7, metadata: 'at 7' });
  });

  it('of a zombie are refused at each step', async () => {
    const topic = await freshTopic();
    const zombie = requestsOf(topic);
    const producer = await zombie.identify();
    await zombie.produce(producer, [{ topic, partition: 0, batch: batchOf(['before'], producer) }]);
    const next = new Transactions(requestsOf(topic));
    await next.start();
    const late = { topic, partition: 0, batch: batchOf(['late'], producer, 1) };
    const fenced = { code: 'FENCED' };
    await expect(zombie.produce(producer, [late])).rejects.toMatchObject(fenced);
    await expect(zombie.commitOffsets(producer, workOf(topic, [], 1).offsets[0]!)).rejects.toMatchObject(fenced); // it has one
    await expect(zombie.end(producer, true)).rejects.toMatchObject(fenced);
    await next.run(workOf(topic, ['after'], 1));
    expect((await linesOf(topic)).ours).toEqual(['after']);
  });

  it('take a repeated batch and a repeated end once', async () => {
    const topic = await freshTopic();
    const requests = requestsOf(topic);
    const producer = await requests.identify();
    const batches = [{ topic, partition: 0, batch: batchOf(['once'], producer) }];
    await requests.produce(producer, batches);
    await requests.produce(producer, batches);
    const next = await requests.end(producer, true);
    expect(await requests.end(producer, true)).toEqual(next);
    expect(next.epoch).toBe(producer.epoch + 1);
    expect(await linesOf(topic)).toEqual({ ours: ['once'], kcat: ['once'] });
  });

  it('whose last answer is lost are found by the next holder', async () => {
    const topic = await freshTopic();
    const requests = requestsOf(topic);
    const deaf: TransactionRequests = {
      identify: () => requests.identify(),
      produce: (producer, batches) => requests.produce(producer, batches),
      commitOffsets: (producer, offsets) => requests.commitOffsets(producer, offsets),
      async end(producer, isCommit) {
        await requests.end(producer, isCommit);
        throw new PulsesError('CONNECTION_LOST', 'the answer was lost');
      },
    };
    const transactions = new Transactions(deaf);
    await transactions.start();
    await expect(transactions.run(workOf(topic, ['stored'], 3))).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect(transactions.state).toMatchObject({ kind: 'over', outcome: 'unknown' });
    await new Transactions(requestsOf(topic)).start();
    expect(await positionOf(topic)).toEqual({ offset: 3, metadata: 'at 3' });
    expect((await linesOf(topic)).ours).toEqual(['stored']);
  });

  it('that are aborted twice by one producer within a fetch show nothing', async () => {
    const topic = await freshTopic();
    const requests = requestsOf(topic);
    let producer = await requests.identify();
    for (const [round, isCommit] of [false, true, false].entries()) {
      const lines = Array.from({ length: 10 }, (_, index) => `${round}-${index}`);
      await requests.produce(producer, [{ topic, partition: 0, batch: batchOf(lines, producer) }]);
      producer = await requests.end(producer, isCommit);
    }
    const { ours, kcat } = await linesOf(topic, 1 << 20);
    expect(ours).toEqual(Array.from({ length: 10 }, (_, index) => `1-${index}`));
    expect(kcat).toEqual(ours);
  });

  it('that are aborted after more than a fetch show nothing', async () => {
    const topic = await freshTopic();
    const requests = requestsOf(topic);
    const producer = await requests.identify();
    const lines = Array.from({ length: 500 }, (_, index) => `${index}`.padEnd(200, '.'));
    for (let round = 0; round < 5; round += 1)
      await requests.produce(producer, [
        { topic, partition: 0, batch: batchOf(lines, producer, round * lines.length) },
      ]);
    const next = await requests.end(producer, false);
    await requests.produce(next, [{ topic, partition: 0, batch: batchOf(['kept'], next) }]);
    await requests.end(next, true);
    expect(await linesOf(topic)).toEqual({ ours: ['kept'], kcat: ['kept'] });
  });
});
